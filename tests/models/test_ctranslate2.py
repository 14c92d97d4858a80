import struct
from pathlib import Path

import numpy as np
import pytest

from tests.models.ctranslate2_files import toy_variables, write_model
from whispercpp_ws.errors import NotConvertible
from whispercpp_ws.models.ctranslate2 import WhisperArchive


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.bin", toy_variables())


def test_every_variable_is_read(model: Path) -> None:
    written = toy_variables()
    with WhisperArchive(model) as archive:
        assert set(archive.variables) == set(written)
        for name, array in written.items():
            np.testing.assert_array_equal(
                archive.rows(name).reshape(array.shape), array
            )


def test_a_group_of_rows_is_read(model: Path) -> None:
    name = "encoder/layer_1/self_attention/linear_0/weight"
    with WhisperArchive(model) as archive:
        middle = archive.rows(name, 1, 3)
    np.testing.assert_array_equal(middle, toy_variables()[name][4:8])


def test_rows_that_do_not_divide_are_refused(model: Path) -> None:
    with (
        WhisperArchive(model) as archive,
        pytest.raises(NotConvertible, match="expected 5 groups of rows"),
    ):
        archive.rows("encoder/conv1/bias", 0, 5)


def test_a_missing_variable_is_named(model: Path) -> None:
    with (
        WhisperArchive(model) as archive,
        pytest.raises(NotConvertible, match="expected variable encoder/none"),
    ):
        archive.variable("encoder/none")


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        WhisperArchive(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.bin", toy_variables(), version=5)
    assert_refused(path, "expected CTranslate2 binary version 6, got 5")


def test_another_architecture_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes().replace(b"WhisperSpec", b"WhisperSpoc"))
    assert_refused(model, "expected WhisperSpec revision 3, got WhisperSpoc 3")


@pytest.mark.parametrize("size", [0, 3, 10, 40, 60, 1000, -1])
def test_a_truncated_file_is_refused(model: Path, size: int) -> None:
    model.write_bytes(model.read_bytes()[:size])
    assert_refused(model, "expected .*, got .*; not a CTranslate2")


def test_trailing_bytes_are_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes() + b"\0")
    assert_refused(model, "expected the end of the file, got more")


VARIABLES_OFFSET = 4 + 2 + 12 + 4 + 4
FIRST = "decoder/embeddings/weight"
SHAPE_OFFSET = VARIABLES_OFFSET + 2 + len(FIRST) + 1 + 1
TYPE_OFFSET = SHAPE_OFFSET + 8


@pytest.mark.parametrize(
    ("offset", "data", "message"),
    [
        (VARIABLES_OFFSET - 4, b"\xff\xff\xff\xff", "number of variables of at most"),
        (VARIABLES_OFFSET, b"\xff\xff", "length of a name of at most 256"),
        (SHAPE_OFFSET - 1, b"\xff", f"rank of {FIRST} of at most 4"),
        (SHAPE_OFFSET, b"\xff\xff\xff\xff", f"bytes of {FIRST}, got 96"),
        (TYPE_OFFSET, b"\x05", f"{FIRST} as float32, float16 or integers, got type 5"),
        (TYPE_OFFSET + 1, b"\xff\xff\xff\xff", f"96 bytes of {FIRST}, got 4294967295"),
    ],
)
def test_absurd_values_are_refused(
    model: Path, offset: int, data: bytes, message: str
) -> None:
    raw = bytearray(model.read_bytes())
    raw[offset : offset + len(data)] = data
    model.write_bytes(raw)
    assert_refused(model, message)


def test_an_array_longer_than_the_file_is_refused(model: Path) -> None:
    raw = bytearray(model.read_bytes())
    raw[SHAPE_OFFSET : SHAPE_OFFSET + 4] = struct.pack("<I", 1 << 20)
    raw[TYPE_OFFSET + 1 : TYPE_OFFSET + 5] = struct.pack("<I", (1 << 20) * 8)
    model.write_bytes(raw)
    assert_refused(model, f"bytes of {FIRST} of at most")
