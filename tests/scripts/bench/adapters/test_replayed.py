from dataclasses import replace

import pytest

from scripts.bench.adapters.replayed import (
    Design,
    PaddedLane,
    Replayed,
    on_time_design,
    padded_design,
    trimmed_design,
)
from scripts.bench.longrun import long_runs
from scripts.bench.manifest import joined
from scripts.bench.run import Load, Streaming, stream_all
from scripts.bench.scores import ClipRun
from tests.scripts.bench.costly_lane import CostlyEngine, CostlyLane
from tests.scripts.bench.lines import clip, sound
from whispercpp_ws.decoding import FULL_AUDIO_CTX, DecodeOptions, Priority
from whispercpp_ws.transcript import Segment


JFK = replace(clip(said="one two"), seconds=11.0)


async def streamed(
    design: Design, engine: CostlyEngine
) -> tuple[list[ClipRun], Load, Replayed]:
    adapter = Replayed(design, lambda: engine, endpoint_ms=600)
    await adapter.start()
    engine.lane.requests.clear()
    runs, load = await stream_all(adapter, [JFK], Streaming(), lambda _run: None)
    await adapter.stop()
    return runs, load, adapter


async def test_a_clip_is_replayed_faster_than_it_was_spoken() -> None:
    runs, load, adapter = await streamed(trimmed_design(), CostlyEngine(0.1))
    assert runs[0].timeline.text
    assert runs[0].timeline.closed_s > 11.0 > load.wall_s
    assert runs[0].waits is not None
    assert adapter.title == "replay, model scripted"
    assert "libwhisper" in adapter.build


async def test_its_cpu_is_that_of_the_lane_and_of_the_session() -> None:
    engine = CostlyEngine(0.1)
    _, load, _ = await streamed(trimmed_design(), engine)
    assert load.cpu is not None
    assert load.cpu.total == pytest.approx(load.cpu_s / 11.0)
    assert load.cpu.other == pytest.approx(0.0)
    assert load.cpu_s >= 0.1 * len(engine.lane.requests)


async def test_the_padded_design_encodes_full_windows_and_nothing_ahead() -> None:
    engine = CostlyEngine(0.1)
    runs, _, _ = await streamed(padded_design(600), engine)
    assert {r.options.audio_ctx for r in engine.lane.requests} == {FULL_AUDIO_CTX}
    kinds = [request.priority for request in engine.lane.requests]
    assert Priority.SPECULATIVE not in kinds
    assert kinds.count(Priority.FINAL) == len(runs[0].timeline.settled) > 0


async def test_the_padded_design_shows_a_text_for_each_second() -> None:
    engine = CostlyEngine(0.1)
    await streamed(padded_design(600), engine)
    partials = [r for r in engine.lane.requests if r.priority is Priority.PARTIAL]
    assert 8 <= len(partials) <= 12


async def test_the_padded_design_waits_for_a_decode_that_takes_longer() -> None:
    engine = CostlyEngine(2.5)
    await streamed(padded_design(600), engine)
    partials = [r for r in engine.lane.requests if r.priority is Priority.PARTIAL]
    assert 3 <= len(partials) <= 5


async def test_on_cores_enough_each_second_has_its_text() -> None:
    engine = CostlyEngine(2.5)
    runs, _, adapter = await streamed(on_time_design(600), engine)
    partials = [r for r in engine.lane.requests if r.priority is Priority.PARTIAL]
    assert 8 <= len(partials) <= 12
    assert adapter.usage().cpu_s > 2.5 * len(engine.lane.requests)
    assert runs[0].timeline.failure == ""


def test_a_padded_lane_changes_nothing_else() -> None:
    lane = CostlyLane(0.1)
    padded = PaddedLane(lane)
    heard: list[Segment] = []
    samples = sound(bytes(32_000)).mono()
    told = padded.transcribe(samples, DecodeOptions("ru"), heard.append)
    assert told.language == "ru"
    assert list(told.segments) == heard
    padded.close()


async def test_a_replay_must_be_started() -> None:
    adapter = Replayed(trimmed_design(), lambda: CostlyEngine(0.1), 600)
    with pytest.raises(RuntimeError):
        await adapter.stream(sound(b""), "en")
    await adapter.stop()


async def test_a_long_session_of_joined_clips_does_not_drift() -> None:
    adapter = Replayed(trimmed_design(), lambda: CostlyEngine(0.2), endpoint_ms=600)
    await adapter.start()
    clips = joined([JFK], minutes=3.0)
    runs, load = await stream_all(adapter, clips, Streaming(), lambda _run: None)
    await adapter.stop()
    (found,) = long_runs(runs)
    assert (found.minutes >= 3.0, load.audio_s) == (True, clips[0].seconds)
    assert found.finals >= 15
    assert found.drift_s_per_min == pytest.approx(0.0, abs=0.05)
    assert found.last_off_s == pytest.approx(0.0, abs=0.3)
    assert runs[0].timeline.failure == ""
