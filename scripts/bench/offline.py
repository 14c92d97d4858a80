"""What the same model says of a whole clip on Whisper's full window."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scripts.bench import audio
from scripts.bench.manifest import NO_LANGUAGE, Clip
from whispercpp_ws.decoding import (
    FULL_AUDIO_CTX,
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
    Samples,
)
from whispercpp_ws.engines.base import Engine, Lane
from whispercpp_ws.session.resample import resample


ONE_WINDOW_S = 28.0
"""Longest clip decoded at once; longer ones go by the library's own windows."""


@dataclass(frozen=True, slots=True)
class OfflineTexts:
    """Texts by clip key, and what they cost."""

    texts: dict[str, str]
    cpu_per_audio_s: float
    """CPU seconds of one thread for each second of audio."""


def transcribe(
    engine: Engine, clips: Iterable[Clip], on_clip: Callable[[Clip], None]
) -> OfflineTexts:
    """Decode clips with speech one by one and close the engine; raises BadAudio."""
    texts = {}
    seconds = 0.0
    before_s = time.process_time()
    lane = engine.open_lane()
    try:
        for clip in clips:
            texts[clip.key] = _text(lane, clip)
            seconds += clip.seconds
            on_clip(clip)
    finally:
        lane.close()
        engine.close()
    return OfflineTexts(texts, (time.process_time() - before_s) / max(seconds, 1e-9))


def _text(lane: Lane, clip: Clip) -> str:
    sound = audio.load(clip, lead_s=0.0, tail_s=0.0)
    samples = resample(sound.mono(), sound.rate)
    language = "en" if clip.language == NO_LANGUAGE else clip.language
    options = DecodeOptions(language=language, audio_ctx=FULL_AUDIO_CTX)
    if clip.seconds <= ONE_WINDOW_S:
        return _one_window(lane, samples, options)
    said = lane.transcribe(samples, options, lambda _segment: None)
    return " ".join(segment.text.strip() for segment in said.segments)


def _one_window(lane: Lane, samples: Samples, options: DecodeOptions) -> str:
    if len(samples) < SAMPLE_RATE // 10:
        return ""
    return lane.decode(DecodeRequest(0, Priority.FINAL, samples, options)).text
