import json
from pathlib import Path

import pytest

from scripts.bench.pauses import Mark, Pause
from scripts.bench.recordings import Recording
from scripts.bench.word_sources import SOURCES, Timed
from scripts.bench.word_times import main, markdown, score
from tests.scripts.bench.lines import JFK, sound
from whispercpp_ws.transcript import Word


def timed(shift_s: float) -> Timed:
    words = (
        Word("one", 0.0, 1.0 + shift_s, 0.9),
        Word("two", 1.5 + shift_s, 2.0, 0.9),
    )
    return Timed(words, 0.5)


def test_sources_are_scored_side_by_side() -> None:
    mark = Mark(Pause(1.0, 1.5), ("one",), ("two",))
    recording = Recording(sound(bytes(32_000)), "en", (mark.pause,), (mark,))
    shifts_s = (0.02, 0.0, 0.1, -0.5)
    by_source = dict(zip(SOURCES, map(timed, shifts_s), strict=True))
    dtw, _, tokens, spread = score([(recording, by_source)])
    assert dtw.end_errors_s == dtw.start_errors_s == pytest.approx((0.02,))
    assert tokens.start_errors_s == pytest.approx((0.1,))
    assert (spread.words, spread.words_in_silence) == (2, 0)
    assert spread.cpu_per_audio_s == 0.5
    text = "\n".join(markdown({"clips": [dtw, tokens, spread]}, "base"))
    assert "| clips | dtw | 1 | 20/20 (+20) | 20/20 (+20) | 0 of 2 | 0.500 |" in text


def test_without_pauses_there_are_no_errors_to_show() -> None:
    recording = Recording(sound(bytes(32_000)), "en", (), ())
    scores = score([(recording, {source: timed(0.0) for source in SOURCES})])
    assert "| dtw | 0 | – | – |" in "\n".join(markdown({"clips": scores}, "base"))


def test_a_manifest_that_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--manifest", str(tmp_path / "none.tsv")]) == 1
    assert "error: --manifest" in capsys.readouterr().err


@pytest.mark.model
@pytest.mark.usefixtures("base_model")
def test_alignment_is_nearer_to_the_pauses_than_even_spreading(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text(
        "set\tid\tpath\tseconds\trate\tchannels\tlanguage\treference\n"
        f"sample\tjfk\t{JFK}\t11\t16000\t1\ten\tx\n"
    )
    assert main(["--manifest", str(manifest), "--output", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "word_times.json").read_text("utf-8"))
    errors = {
        one["source"]: sum(map(abs, one["end_errors_s"])) for one in told["clips"]
    }
    assert 0 < errors["dtw"] < errors["spread"]
