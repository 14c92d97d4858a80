from dataclasses import replace

from scripts.bench.manifest import Clip
from scripts.bench.offline import transcribe
from tests.scripts.bench.lines import clip
from whispercpp_ws.engines.scripted import ScriptedEngine


def test_clips_are_decoded_whole_by_key() -> None:
    done: list[Clip] = []
    short = clip(clip_id="short", said="x")
    long = replace(clip(clip_id="long", said="x"), seconds=60.0)
    found = transcribe(ScriptedEngine(("a",)), (short, long), done.append)
    assert found.texts.keys() == {"some/short", "some/long"}
    assert found.texts["some/short"] == " ".join("a" * 22)
    assert done == [short, long]
    assert found.cpu_per_audio_s > 0
