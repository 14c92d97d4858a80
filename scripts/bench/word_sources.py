"""The words of a window with their times, by every source there is."""

import time
from dataclasses import dataclass

from scripts.bench.pauses import PAUSE_S, Pause
from whispercpp_ws.decoding import (
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
    Samples,
)
from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.engines.whispercpp.words import with_spread_times
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceDetector
from whispercpp_ws.session.window import trimmed_options
from whispercpp_ws.session.word_times import out_of_silence
from whispercpp_ws.transcript import Hypothesis, Word


SOURCES = ("dtw", "dtw+vad", "tokens", "spread")
"""Alignment in the decode itself; the same with edges moved out of silence, as sessions
do; token timestamps of a second decode, on the full window; the words of the
first spread evenly over the window by their characters."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What one source says of one recording."""

    words: tuple[Word, ...]
    cpu_s: float
    """CPU beyond that of a decode without times."""


class Decoders:
    """The model twice, with alignment and without; to be closed."""

    def __init__(self, aligned: Engine, plain: Engine) -> None:
        self._engines = aligned, plain
        self._aligned = aligned.open_lane()
        self._plain = plain.open_lane()

    def plain(self, samples: Samples, language: str) -> Hypothesis:
        """Decode without times."""
        return self._plain.decode(_request(samples, language))

    def timed(self, samples: Samples, language: str) -> dict[str, Timed]:
        """Return the words of a window by every source."""
        plain = self.plain(samples, language)
        aligned = self._aligned.decode(_request(samples, language))
        spread = with_spread_times(aligned.words, len(samples) / SAMPLE_RATE)
        extra_s = aligned.cost.cpu_s - plain.cost.cpu_s
        voiced = out_of_silence(
            aligned.words, [(s.start_s, s.end_s) for s in silences(samples)]
        )
        return {
            "dtw": Timed(aligned.words, extra_s),
            "dtw+vad": Timed(voiced, extra_s),
            "tokens": _by_tokens(self._plain, samples, language),
            "spread": Timed(spread, 0.0),
        }

    def close(self) -> None:
        """Free lanes and weights."""
        for lane in (self._aligned, self._plain):
            lane.close()
        for engine in self._engines:
            engine.close()


def silences(samples: Samples) -> list[Pause]:
    """Find what webrtcvad takes for silence, `PAUSE_S` or longer."""
    tuning = Tuning()
    vad = VoiceDetector(mode=tuning.vad_mode, energy_floor=tuning.energy_floor)
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES]
    heard = [vad.receive(one).voiced for one in frames.reshape(-1, FRAME_SAMPLES)]
    frame_s = FRAME_SAMPLES / SAMPLE_RATE
    found, since = [], 0
    for index, voiced in enumerate([*heard, True]):
        if voiced:
            if (index - since) * frame_s >= PAUSE_S:
                found.append(Pause(since * frame_s, index * frame_s))
            since = index + 1
    return found


def _by_tokens(lane: Lane, samples: Samples, language: str) -> Timed:
    before_s = time.thread_time()
    said = lane.transcribe(samples, DecodeOptions(language), lambda _segment: None)
    words = tuple(word for segment in said.segments for word in segment.words)
    return Timed(words, time.thread_time() - before_s)


def _request(samples: Samples, language: str) -> DecodeRequest:
    seconds = len(samples) / SAMPLE_RATE
    options = trimmed_options(
        seconds, language=language, margin_s=Tuning().margin_s, word_times=True
    )
    return DecodeRequest(0, Priority.FINAL, samples, options)
