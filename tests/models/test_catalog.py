import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.models.ggml_files import BASE_EN, write_model
from whispercpp_ws.engines.whispercpp.model_file import FILE_TYPES
from whispercpp_ws.errors import ModelNotInCatalog
from whispercpp_ws.models.catalog import (
    QUANTS,
    ModelKind,
    all_entries,
    find,
    name_of,
)


README = Path(__file__).parents[2] / "models" / "README.md"


def test_every_model_comes_in_f16_and_quantised_forms() -> None:
    speech = [entry for entry in all_entries() if entry.kind is ModelKind.SPEECH]
    assert len(speech) == 12 * (1 + len(QUANTS)) - 2
    assert len({entry.sha256 for entry in speech if entry.sha256}) == 12 + 9


def test_tiny_models_have_no_form_with_blocks_longer_than_their_rows() -> None:
    assert find("base-q4_k").size == find("base-q4_0").size
    with pytest.raises(ModelNotInCatalog, match="did you mean tiny-q4_0"):
        find("tiny-q4_k")


def test_a_name_says_the_quantisation() -> None:
    entry = find("base-q8_0")
    assert (entry.base, entry.quant, entry.size) == ("base", "q8_0", 81_768_585)
    assert entry.file_name == "ggml-base-q8_0.bin"
    assert entry.published


def test_only_files_with_official_bytes_are_published() -> None:
    names = {entry.name for entry in all_entries() if entry.published}
    assert len(names) == 12 + 2 + 1
    assert {"base-q8_0", "tiny.en-q8_0", "silero-v6.2.0"} < names
    assert find("base-q5_1").sha256 is not None


@pytest.mark.parametrize(
    ("name", "languages"),
    [("tiny.en", 1), ("base-q5_0", 99), ("large-v3", 100), ("silero-v6.2.0", 0)],
)
def test_languages_are_counted(name: str, languages: int) -> None:
    assert find(name).languages == languages


@pytest.mark.parametrize("ftype", sorted(set(FILE_TYPES) - {0}))
def test_sizes_follow_from_the_format(tmp_path: Path, ftype: int) -> None:
    quant = FILE_TYPES[ftype].name.lower()
    written = write_model(tmp_path / "m.bin", replace(BASE_EN, ftype=ftype))
    f16 = write_model(tmp_path / "f16.bin", BASE_EN)
    saved = find("base.en").size - find(name_of("base.en", quant)).size
    assert f16.stat().st_size - written.stat().st_size == saved


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(ModelNotInCatalog, match="did you mean base"):
        find("bass")


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(ModelNotInCatalog, match="models list"):
        find("?")


@pytest.mark.parametrize(
    ("model", "quant", "name"),
    [
        ("base", "f16", "base"),
        ("base", "q8_0", "base-q8_0"),
        ("base-q5_1", "q8_0", "base-q5_1"),
        ("silero-v6.2.0", "q8_0", "silero-v6.2.0"),
    ],
)
def test_a_model_and_a_quantisation_make_a_name(
    model: str, quant: str, name: str
) -> None:
    assert name_of(model, quant) == name


def test_an_unknown_quantisation_is_refused() -> None:
    with pytest.raises(ModelNotInCatalog, match="base-q4_0"):
        name_of("base", "q4_7")


def test_the_readme_lists_the_catalogue() -> None:
    rows = re.findall(
        r"^\| `(\S+)` \| ([\d,]+) \| (?:`(\w+)`|made here) \|",
        README.read_text("utf-8"),
        re.MULTILINE,
    )
    listed = {(name, int(size.replace(",", "")), sha) for name, size, sha in rows}
    entries = {(e.name, e.size, e.sha256 or "") for e in all_entries()}
    assert listed == entries
