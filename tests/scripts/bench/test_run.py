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
    assert (load.audio_s, load.most_rss_bytes) == (6.0, 1_000_000)
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
