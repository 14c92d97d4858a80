from scripts.bench.run import Streaming, stream_all
from scripts.bench.scores import ClipRun
from tests.scripts.bench.fake_adapter import FakeAdapter
from tests.scripts.bench.lines import clip


CLIPS = (
    clip(clip_id="a", said="one"),
    clip(clip_id="b", language="none", said=""),
    clip(clip_id="c", language="ru", said="один"),
)


async def test_every_clip_is_streamed_once_and_reported() -> None:
    done: list[ClipRun] = []
    runs, load = await stream_all(FakeAdapter(), CLIPS, Streaming(), done.append)
    assert [run.clip.id for run in runs] == ["a", "b", "c"]
    assert len(done) == 3
    assert (load.audio_s, load.most_memory_bytes) == (6.0, 1_000_000)
    assert load.cpu_per_audio_s == load.cpu_s / 6.0


async def test_several_clients_share_the_clips() -> None:
    adapter = FakeAdapter()
    runs, _ = await stream_all(adapter, CLIPS, Streaming(clients=2), lambda _run: None)
    assert [run.clip.id for run in runs] == ["a", "b", "c"]


async def test_each_clip_asks_for_its_own_language() -> None:
    adapter = FakeAdapter()
    await stream_all(adapter, CLIPS, Streaming(), lambda _run: None)
    assert adapter.languages == ["en", "en", "ru"]


async def test_one_language_can_be_asked_for_all() -> None:
    assert Streaming(language="auto").language_of(CLIPS[2]) == "auto"


async def test_nonspeech_has_no_speech_bounds() -> None:
    runs, _ = await stream_all(FakeAdapter(), CLIPS, Streaming(), lambda _run: None)
    assert [run.bounds is None for run in runs] == [False, True, False]


class CountingAdapter(FakeAdapter):
    """Counts a final of 0.6 + 0.1 + 0.2 s for every clip."""

    async def counters(self) -> dict[str, float]:
        finals = float(len(self.languages))
        parts = {"endpoint": 0.6, "queue": 0.1, "decode": 0.2}
        sums = {f"final_seconds.{p}.sum": s * finals for p, s in parts.items()}
        counted = {"final_seconds.endpoint.count": finals}
        return {**sums, **counted, "decode_cpu_seconds.final": 0.5 * finals}


async def test_with_one_client_it_is_known_what_each_clip_waited_for() -> None:
    runs, load = await stream_all(
        CountingAdapter(), CLIPS, Streaming(), lambda _run: None
    )
    waits = [run.waits for run in runs if run.waits]
    assert [wait.finals for wait in waits] == [1, 1, 1]
    assert [round(wait.queue_s, 6) for wait in waits] == [0.1, 0.1, 0.1]
    assert load.cpu is not None
    assert load.cpu.final == 1.5 / 6.0


async def test_with_several_clients_it_is_known_of_the_run_only() -> None:
    runs, load = await stream_all(
        CountingAdapter(), CLIPS, Streaming(clients=2), lambda _run: None
    )
    assert {run.waits for run in runs} == {None}
    assert load.counters["final_seconds.endpoint.count"] == 3.0


async def test_memory_is_sampled_from_the_start() -> None:
    _, load = await stream_all(FakeAdapter(), CLIPS, Streaming(), lambda _run: None)
    assert load.memory[0].memory_bytes == 1_000_000
    assert 0 <= load.memory[0].at_s < 1.0
    assert load.speech_s > 0
