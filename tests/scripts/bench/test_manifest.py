from pathlib import Path

import pytest

from scripts.bench.manifest import (
    GAP_S,
    Selection,
    bundled_sample,
    joined,
    read_manifest,
    select,
)
from tests.scripts.bench.lines import clip
from whispercpp_ws.errors import ConfigError


HEAD = "set\tid\tpath\tseconds\trate\tchannels\tlanguage\treference"
LINES = (
    'read\ta\ta.wav\t3.5\t16000\t1\ten\tsay "this',
    "read\tb\tb.wav\t9\t8000\t2\tru\tпривет",
    "noise\tc\tc.wav\t5\t16000\t1\tnone\t",
    "long\td\td.wav\t99\t16000\t1\ten\t",
)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.tsv"
    path.write_text("\n".join((HEAD, *LINES)) + "\n", encoding="utf-8")
    return path


def test_a_line_becomes_a_clip_beside_the_manifest(manifest: Path) -> None:
    clip = read_manifest(manifest)[0]
    assert (clip.key, clip.path) == ("read/a", manifest.parent / "a.wav")
    assert (clip.reference, clip.seconds, clip.rate) == ('say "this', 3.5, 16_000)


def test_a_clip_without_language_and_reference_is_nonspeech(manifest: Path) -> None:
    assert [clip.is_nonspeech for clip in read_manifest(manifest)] == [
        *(False, False, True, False)
    ]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Selection(), "abc"),
        (Selection(sets=frozenset({"read"})), "ab"),
        (Selection(languages=frozenset({"ru", "none"})), "bc"),
        (Selection(limit_per_set=1), "ac"),
        (Selection(max_s=5.0), "ac"),
    ],
)
def test_clips_are_selected(manifest: Path, wanted: Selection, ids: str) -> None:
    assert "".join(clip.id for clip in select(read_manifest(manifest), wanted)) == ids


def test_an_empty_selection_is_refused(manifest: Path) -> None:
    with pytest.raises(ConfigError, match="no clip"):
        select(read_manifest(manifest), Selection(sets=frozenset({"other"})))


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_manifest(tmp_path / "none.tsv")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.tsv"
    path.write_text("set\tid\n")
    with pytest.raises(ConfigError, match="columns channels, language"):
        read_manifest(path)


def test_a_number_that_is_none_is_refused_with_its_line(manifest: Path) -> None:
    manifest.write_text(manifest.read_text("utf-8").replace("3.5", "long"), "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        read_manifest(manifest)


def test_the_bundled_sample_is_there() -> None:
    (clip,) = bundled_sample()
    assert clip.path.is_file()
    assert clip.is_scorable


def test_clips_are_joined_until_a_recording_is_long_enough() -> None:
    clips = [clip(clip_id=name, said=name) for name in ("a", "b")]
    (found,) = joined(clips, minutes=0.15)
    # Two seconds each, and 0.7 s between them.
    assert found.seconds == pytest.approx(4 * 2.0 + 3 * GAP_S)
    assert found.reference == "a b a b"
    assert (found.id, len(found.more)) == ("a-and-3-more", 3)


def test_only_clips_of_a_language_are_joined_and_only_with_speech() -> None:
    clips = [
        clip(said="a"),
        clip(language="ru", said="б"),
        clip(language="none", said=""),
    ]
    found = joined(clips, minutes=0.01)
    assert [one.language for one in found] == ["en", "ru"]
    assert joined(clips, minutes=0.0) == tuple(clips)


def test_silence_is_not_joined() -> None:
    with pytest.raises(ConfigError, match="someone speaks"):
        joined([clip(language="none", said="")], minutes=1.0)
