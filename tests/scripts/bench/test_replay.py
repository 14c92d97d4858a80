from dataclasses import replace
from itertools import pairwise

import pytest

from scripts.bench import audio
from scripts.bench.audio import StreamAudio
from scripts.bench.replay import BOOSTED_CPU, BOOSTED_WALL, Replay, Spent, arrived_s
from scripts.bench.timeline import Timeline
from tests.scripts.bench.costly_lane import CostlyLane
from tests.scripts.bench.lines import clip
from whispercpp_ws.decoding import DecodeRequest, Priority
from whispercpp_ws.engines.base import Cancelled, never_cancelled
from whispercpp_ws.errors import DecodeFailed
from whispercpp_ws.events import AudioFormat, SessionOptions
from whispercpp_ws.session.session import Session
from whispercpp_ws.transcript import Hypothesis


@pytest.fixture(scope="module")
def jfk() -> StreamAudio:
    return audio.load(replace(clip(said="x"), seconds=11.0))


def replayed(
    sound: StreamAudio, lane: CostlyLane, *, language: str = "en", partials: bool = True
) -> tuple[Timeline, Spent]:
    form = AudioFormat(rate=sound.rate, channels=sound.channels)
    options = SessionOptions(audio=form, language=language, partials=partials)
    spent = Spent()
    return Replay(Session(options), lane, spent).run(sound), spent


def test_a_replay_gives_partials_and_finals_in_audio_time(jfk: StreamAudio) -> None:
    found, _ = replayed(jfk, CostlyLane(0.1))
    assert found.failure == ""
    assert found.text
    assert found.speech[0].at_s == pytest.approx(found.speech[0].position_s, abs=0.2)
    assert [frame.at_s for frame in found.sent] == [f.due_s for f in found.sent]
    assert all(a.at_s <= b.at_s for a, b in pairwise(found.shown))
    assert found.settled[-1].at_s < jfk.total_s + 1.0


def test_the_cost_of_a_decode_is_waited_for(jfk: StreamAudio) -> None:
    cheap, dear = (replayed(jfk, CostlyLane(cpu_s))[0] for cpu_s in (0.01, 2.0))
    assert dear.shown[0].at_s == pytest.approx(cheap.shown[0].at_s + 1.99)
    assert dear.settled[-1].at_s > cheap.settled[-1].at_s + 0.5
    assert len(dear.shown) < len(cheap.shown)


def test_a_final_beside_no_partial_takes_two_threads(jfk: StreamAudio) -> None:
    lane = CostlyLane(1.0)
    found, spent = replayed(jfk, lane, partials=False)
    assert {request.priority for request in lane.requests} <= {
        Priority.FINAL,
        Priority.SPECULATIVE,
    }
    assert spent.cpu_s - spent.session_cpu_s == pytest.approx(
        BOOSTED_CPU * len(lane.requests)
    )
    final = found.settled[-1]
    assert final.lag_s is not None
    # Started 240 ms after the speech, done 0.7 s later: past the endpoint.
    assert final.lag_s == pytest.approx(0.24 + BOOSTED_WALL, abs=0.15)


def test_what_was_spent_has_the_names_of_the_server(jfk: StreamAudio) -> None:
    lane = CostlyLane(0.1)
    found, spent = replayed(jfk, lane)
    partials = [r for r in lane.requests if r.priority is Priority.PARTIAL]
    counters = spent.counters
    assert counters["decode_cpu_seconds.partial"] == pytest.approx(0.1 * len(partials))
    assert counters["encoder_flops.partial"] == sum(
        request.options.audio_ctx for request in partials
    )
    assert counters["final_seconds.endpoint.count"] == len(found.settled)
    assert spent.session_cpu_s > 0


def test_the_parts_of_a_finals_delay_are_all_of_it(jfk: StreamAudio) -> None:
    found, spent = replayed(jfk, CostlyLane(1.5))
    parts = (
        spent.counters[f"final_seconds.{stage}.sum"]
        for stage in ("endpoint", "queue", "decode")
    )
    lags = [final.lag_s or 0.0 for final in found.settled]
    assert sum(parts) == pytest.approx(sum(lags), abs=0.01)


def test_a_language_to_be_found_is_found_first(jfk: StreamAudio) -> None:
    lane = CostlyLane(0.1)
    found, spent = replayed(jfk, lane, language="auto")
    assert found.settled[-1].language == "en"
    assert spent.counters["decode_cpu_seconds.language"] > 0


def test_a_decode_that_fails_ends_the_replay(jfk: StreamAudio) -> None:
    class Broken(CostlyLane):
        def decode(
            self, request: DecodeRequest, is_cancelled: Cancelled = never_cancelled
        ) -> Hypothesis:
            raise DecodeFailed("no", return_code=-6)

    assert "no" in replayed(jfk, Broken(0.1))[0].failure


@pytest.mark.parametrize(
    ("position_s", "frame_s"), [(0.3, 0.3), (0.301, 0.36), (0.0, 0.0), (0.72, 0.72)]
)
def test_audio_comes_with_the_frame_it_is_in(position_s: float, frame_s: float) -> None:
    assert arrived_s(position_s) == pytest.approx(frame_s)
