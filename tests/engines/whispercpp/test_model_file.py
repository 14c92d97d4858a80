import random
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models.ggml_files import (
    TENSORS_OFFSET,
    TINY_EN,
    overwrite,
    tensor_head,
    truncate,
    with_ftype,
    write_model,
)
from whispercpp_ws.engines.whispercpp.model_file import (
    MIN_TOKENS,
    ModelHeader,
    TensorType,
    expected_tensors,
    read_layout,
)
from whispercpp_ws.errors import BadModelFile


FIRST_TENSOR = "decoder.positional_embedding"
MEL_OFFSET = 48
TOKENS_OFFSET = 48 + 8 + 64_320


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "ggml-tiny.en.bin")


def assert_refused(path: Path, message: str) -> None:
    with pytest.raises(BadModelFile, match=message) as caught:
        read_layout(path)
    assert str(path) in str(caught.value)


def test_a_sound_file_is_read(model: Path) -> None:
    layout = read_layout(model)
    assert layout.header == TINY_EN
    assert layout.tensors_offset == TENSORS_OFFSET
    assert layout.token_count == MIN_TOKENS
    assert layout.mel_offset == 56
    assert layout.tokens_offset == TOKENS_OFFSET
    assert layout.file_size == model.stat().st_size


def test_tensors_lie_one_after_the_other(model: Path) -> None:
    layout = read_layout(model)
    first, second = layout.tensors[:2]
    assert (first.name, first.dims) == (FIRST_TENSOR, (384, 448))
    assert first.type is TensorType.F32
    assert first.size == 384 * 448 * 4
    head = len(tensor_head(second.name, second.dims, second.type))
    assert second.offset == first.offset + first.size + head
    assert len(layout.tensors) == 167


@pytest.mark.parametrize("ftype", [0, 2002, 2007, 2008, 2009])
def test_every_file_type_that_divides_its_rows_is_read(
    tmp_path: Path, ftype: int
) -> None:
    layout = read_layout(write_model(tmp_path / "m.bin", with_ftype(ftype)))
    assert layout.header.ftype == ftype


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ((51865, 512, 8, 6, 6, 80), 245),
        ((51866, 1280, 20, 32, 4, 128), 11 + 15 * 32 + 24 * 4),
    ],
)
def test_a_model_has_as_many_tensors_as_its_layers_say(
    shape: tuple[int, int, int, int, int, int], count: int
) -> None:
    vocab, state, heads, audio, text, mels = shape
    header = ModelHeader(
        vocab, 1500, state, heads, audio, 448, state, heads, text, mels, 1
    )
    assert len(expected_tensors(header)) == count
    assert header.multilingual


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.bin"
    path.touch()
    assert_refused(path, "got an empty file")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.bin", "No such file")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, "expected a readable model file")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"GGUF\3\0\0\0", "a GGUF file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"ggml", "expected magic b'lmgg', got b'ggml'"),
        (b"lmg", "expected 4 bytes of magic"),
    ],
)
def test_another_kind_of_file_is_refused(
    tmp_path: Path, start: bytes, message: str
) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(start)
    assert_refused(path, message)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "random.bin"
    path.write_bytes(b"\x80" + random.Random(1).randbytes(100_000))
    assert_refused(path, "expected magic")


def test_random_bytes_after_the_magic_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "random.bin"
    path.write_bytes(b"lmgg" + random.Random(1).randbytes(100_000))
    assert_refused(path, "expected n_vocab")


def test_a_voice_activity_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vad.bin"
    path.write_bytes(b"lmgg" + struct.pack("<i", 10) + b"silero-16k" + bytes(100))
    assert_refused(path, "expected a Whisper model, got a Silero VAD model")


def test_an_empty_shell_is_refused(model: Path) -> None:
    truncate(model, TENSORS_OFFSET)
    assert_refused(model, "expected 167 tensors, got none")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (30, "44 bytes of header"),
        (MEL_OFFSET + 2, "4 bytes of mel bank"),
        (MEL_OFFSET + 1000, "64320 bytes of mel bank"),
        (TOKENS_OFFSET + 2, "4 bytes of token table"),
        (TOKENS_OFFSET + 4 + 5 * 1000 + 4, "1 bytes of token table"),
        (TENSORS_OFFSET + 8, "12 bytes of tensor head"),
        (TENSORS_OFFSET + 14, "4 bytes of tensor head"),
        (TENSORS_OFFSET + 25, "28 bytes of tensor name"),
        (TENSORS_OFFSET + 1000, f"688128 bytes of tensor {FIRST_TENSOR}"),
    ],
)
def test_a_truncated_file_is_refused(model: Path, size: int, message: str) -> None:
    truncate(model, size)
    assert_refused(model, f"expected {message} at byte .*, got the end of the file")


def test_a_file_without_its_last_byte_is_refused(model: Path) -> None:
    truncate(model, model.stat().st_size - 1)
    assert_refused(model, r"1536 bytes of tensor encoder\.ln_post\.bias")


def test_a_file_without_its_last_tensor_is_refused(model: Path) -> None:
    last = read_layout(model).tensors[-1]
    truncate(model, last.offset - len(tensor_head(last.name, last.dims, last.type)))
    assert_refused(model, r"expected tensor encoder\.ln_post\.bias, got none")


def test_trailing_bytes_are_refused(model: Path) -> None:
    with model.open("ab") as file:
        file.write(b"\0")
    assert_refused(model, "got 1 more bytes")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (1, 0, "n_vocab"),
        (1, 2**31 - 1, "n_vocab"),
        (2, -1500, "n_audio_ctx"),
        (3, 385, "n_audio_state"),
        (4, 0, "n_audio_head 6, got 0"),
        (5, 2**30, "n_audio_layer"),
        (6, 0, "n_text_ctx"),
        (7, 512, "n_text_state"),
        (8, -6, "n_text_head"),
        (9, 2**30, "n_text_layer 1 to 32"),
        (10, 81, "n_mels"),
        (11, 99, "ftype"),
        (11, 2012, "rows of a multiple of 256"),
    ],
)
def test_an_absurd_header_value_is_refused(
    model: Path, field: int, value: int, message: str
) -> None:
    overwrite(model, 4 * field, struct.pack("<i", value))
    assert_refused(model, f"expected {message}")


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (MEL_OFFSET, 128, "mel bands 80, got 128"),
        (MEL_OFFSET + 4, -201, "mel bins 201"),
        (TOKENS_OFFSET, -1, "token count"),
        (TOKENS_OFFSET, 2**31 - 1, "token count"),
        (TOKENS_OFFSET + 4, 2**31 - 1, "token length 0 to 128"),
        (TENSORS_OFFSET, 4, "tensor rank 1 to 3"),
        (TENSORS_OFFSET + 4, -1, "tensor name length"),
        (TENSORS_OFFSET + 4, 2**31 - 1, "tensor name length"),
        (TENSORS_OFFSET + 8, 30, "tensor type"),
        (TENSORS_OFFSET + 8, 1, f"tensor {FIRST_TENSOR} of type F32, got F16"),
        (TENSORS_OFFSET + 12, -384, f"tensor {FIRST_TENSOR} of dims"),
        (TENSORS_OFFSET + 12, 2**31 - 1, f"tensor {FIRST_TENSOR} of dims"),
    ],
)
def test_an_absurd_length_is_refused(
    model: Path, offset: int, value: int, message: str
) -> None:
    overwrite(model, offset, struct.pack("<i", value))
    assert_refused(model, f"expected {message}")


def test_an_unknown_tensor_is_refused(model: Path) -> None:
    overwrite(model, TENSORS_OFFSET + 20, b"x")
    assert_refused(model, "expected each known tensor once, got tensor 'xecoder")


def test_a_tensor_that_comes_twice_is_refused(model: Path) -> None:
    second = read_layout(model).tensors[1]
    overwrite(model, second.offset - len(second.name), b"d")
    overwrite(model, second.offset - len(second.name), FIRST_TENSOR.encode())
    assert_refused(
        model, f"expected each known tensor once, got tensor '{FIRST_TENSOR}"
    )


def test_the_header_writes_what_was_read() -> None:
    assert TINY_EN.pack()[:8] == b"lmgg" + struct.pack("<i", 51864)
    assert len(TINY_EN.pack()) == 48


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=st.binary(min_size=1, max_size=64), offset=st.integers(0, 47))
def test_a_damaged_header_is_refused_or_still_sound(
    tmp_path: Path, damage: bytes, offset: int
) -> None:
    path = tmp_path / "damaged.bin"
    if not path.exists():
        write_model(path)
    whole = TINY_EN.pack() + struct.pack("<2i", 80, 201) + bytes(64)
    overwrite(path, 0, whole)
    overwrite(path, offset, damage)
    try:
        header = read_layout(path).header
    except BadModelFile:
        return
    assert header == TINY_EN
