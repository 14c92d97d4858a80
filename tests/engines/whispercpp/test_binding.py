import logging
import os

import numpy as np
import pytest

from whispercpp_ws.engines.whispercpp import binding
from whispercpp_ws.engines.whispercpp.binding import LibWhisper, load_binding
from whispercpp_ws.engines.whispercpp.structs import FullParams, LogCallback
from whispercpp_ws.errors import LibraryMismatch


@pytest.fixture
def real() -> LibWhisper:
    return load_binding()


def test_the_installed_library_is_the_declared_one(real: LibWhisper) -> None:
    real.check()


def test_the_library_is_loaded_once(real: LibWhisper) -> None:
    assert load_binding() is real


def test_ggml_is_told_not_to_fork_a_debugger(real: LibWhisper) -> None:
    assert os.environ["GGML_NO_BACKTRACE"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("thold_pt", 0.02), ("language", b"de"), ("greedy.best_of", 1)],
)
def test_another_default_is_a_mismatch_that_names_the_field(
    real: LibWhisper, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    monkeypatch.setattr(binding, "FULL_DEFAULTS", {field: value})
    with pytest.raises(
        LibraryMismatch, match=f"FullParams.{field}: expected {value!r}"
    ):
        real.check()


def test_another_struct_size_is_a_mismatch(
    real: LibWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "EXPECTED_SIZES", {FullParams: 296})
    with pytest.raises(
        LibraryMismatch, match="sizeof FullParams: expected 296 .*got 304"
    ):
        real.check()


def test_a_misspelt_field_cannot_be_set(real: LibWhisper) -> None:
    with pytest.raises(AttributeError):
        setattr(real.full_params(), "n_thread", 1)  # noqa: B010


def test_languages_are_listed_by_id(real: LibWhisper) -> None:
    codes = real.language_codes()
    assert (codes[:3], codes[-1], len(codes)) == (["en", "zh", "de"], "yue", 100)


def test_log_lines_become_log_records(
    real: LibWhisper, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "whispercpp_ws.libwhisper")
    for level, text in ((2, b"info\n"), (3, b"warn"), (4, b"bad\xff\n"), (5, b"\n")):
        real._log_callback(level, text, None)
    records = [(record.levelname, record.message) for record in caplog.records]
    expected = [("DEBUG", "info"), ("WARNING", "warn"), ("ERROR", "bad\ufffd")]
    assert records == expected
    assert real.last_error == "bad\ufffd"


def test_the_log_callback_stays_referenced(real: LibWhisper) -> None:
    assert isinstance(real._log_callback, LogCallback)


def test_a_missing_model_is_a_null_context(real: LibWhisper) -> None:
    assert real.init_context(b"/nonexistent", real.context_params()) == 0
    assert "nonexistent" in real.last_error or "failed" in real.last_error


def test_token_arrays_hold_the_tokens() -> None:
    assert list(binding.token_array(np.arange(3).tolist())) == [0, 1, 2]
