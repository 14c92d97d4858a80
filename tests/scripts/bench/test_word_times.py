import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.pauses import Mark, Pause
from scripts.bench.word_times import (
    SOURCES,
    Decoders,
    Recording,
    Segment,
    Timed,
    clip_recording,
    main,
    markdown,
    read_segments,
    score,
    segment_recordings,
    silences,
)
from tests.scripts.bench.lines import JFK, clip, sound
from whispercpp_ws.client.audio import read_mono
from whispercpp_ws.engines.scripted import ScriptedEngine
from whispercpp_ws.session.resample import resample
from whispercpp_ws.transcript import Word


SPEECH = replace(clip(said="x"), seconds=11.0)


@pytest.fixture
def decoders() -> Decoders:
    words = tuple(f"word{number}" for number in range(60))
    return Decoders(ScriptedEngine(words), ScriptedEngine(words))


def test_the_words_at_the_longest_pauses_are_asked_for(decoders: Decoders) -> None:
    found = clip_recording(decoders, SPEECH)
    assert len(found.pauses) >= 3
    assert len(found.marks) == 3
    shortest = min(mark.pause.end_s - mark.pause.start_s for mark in found.marks)
    others = set(found.pauses) - {mark.pause for mark in found.marks}
    assert all(pause.end_s - pause.start_s <= shortest for pause in others)


def test_each_source_times_the_same_recording(decoders: Decoders) -> None:
    found = decoders.timed(clip_recording(decoders, SPEECH))
    assert set(found) == set(SOURCES)
    assert found["spread"].words[-1].end_s == pytest.approx(11.0)
    assert found["tokens"].words[0].text == "word0"
    decoders.close()


def test_a_long_recording_is_cut_where_its_segments_meet() -> None:
    segments = (Segment(3.3, 4.3, "Ask not."), Segment(5.4, 7.5, "What your country"))
    (found,) = segment_recordings(SPEECH, segments)
    assert found.sound.seconds == pytest.approx(4.2)
    assert len(found.sound.pcm) == round(4.2 * 16_000) * 2
    (mark,) = found.marks
    assert (mark.before, mark.after) == (("ask", "not"), ("what", "your", "country"))
    assert mark.pause.start_s == pytest.approx(4.32 - 3.3, abs=0.03)
    assert mark.pause.end_s == pytest.approx(5.42 - 3.3, abs=0.03)


def test_windows_hold_whole_segments() -> None:
    segments = [Segment(4.0 * n, 4.0 * n + 3.9, f"{n}") for n in range(10)]
    long = replace(SPEECH, more=(JFK, JFK, JFK))
    found = segment_recordings(long, segments)
    assert [round(one.sound.seconds, 1) for one in found] == [23.9, 15.9]


def test_segments_are_read_from_beside_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "long.segments.tsv"
    path.write_text('start\tend\tspeaker\tutt\ttext\n0.5\t2\ts\tu\tsay "this\n')
    assert read_segments(path) == (Segment(0.5, 2.0, 'say "this'),)


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


def test_what_webrtcvad_takes_for_silence_is_found() -> None:
    rate = 16_000
    speech = resample(*read_mono(JFK))[4 * rate : 7 * rate]
    (found,) = silences(np.concatenate([speech, np.zeros(rate, np.float32)]))[-1:]
    assert found.start_s == pytest.approx(3.0, abs=0.3)
    assert found.end_s == pytest.approx(4.0, abs=0.021)


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
