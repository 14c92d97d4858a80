import ctypes
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.ggml_files import TINY_EN, with_ftype, write_model
from whispercpp_ws.engines.whispercpp.library import load_library
from whispercpp_ws.engines.whispercpp.model_file import TensorType, read_layout
from whispercpp_ws.errors import BadModelFile, NotConvertible
from whispercpp_ws.models.atomic import Digest, check
from whispercpp_ws.models.catalog import ModelEntry, all_entries, find
from whispercpp_ws.models.quantize import Quantizer, quantize


@pytest.fixture(scope="module")
def f16(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("quantize") / "f16.bin")


def test_q8_0_rounds_to_a_scale_per_32_weights() -> None:
    row = np.linspace(-1, 1, 32, dtype=np.float32)
    block = Quantizer(TensorType.Q8_0).quantize(row[None])
    scale = np.frombuffer(block[:2], "<f2")[0]
    weights = np.frombuffer(block[2:], "<i1")
    assert scale == np.float16(1 / 127)
    np.testing.assert_allclose(weights, row * 127, atol=0.51)


@pytest.mark.parametrize("kind", [kind for kind in TensorType if kind > 1])
def test_blocks_have_the_size_of_the_format(kind: TensorType) -> None:
    rows = np.ones((3, 256), np.float32)
    assert len(Quantizer(kind).quantize(rows)) == kind.size(3 * 256)


def test_weights_of_loud_inputs_are_kept_better() -> None:
    rows = np.random.default_rng(1).standard_normal((64, 256)).astype(np.float32)
    loud = np.ones(256, np.float32)
    loud[:16] = 1000.0
    without, with_it = (_error(rows, weighed) for weighed in (None, loud))
    assert with_it[:16].sum() < 0.8 * without[:16].sum()


def _error(
    rows: NDArray[np.float32], importance: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the squared error of each column."""
    blocks = Quantizer(TensorType.Q4_K).quantize(rows, importance)
    restored = np.empty_like(rows)
    restore = load_library("ggml-base").dequantize_row_q4_K
    restore.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64]
    restore(blocks, restored.ctypes.data, rows.size)
    error: NDArray[np.float32] = ((rows - restored) ** 2).sum(axis=0)
    return error


def test_rows_shorter_than_a_block_are_refused() -> None:
    with pytest.raises(NotConvertible, match="rows of a multiple of 256, got 384"):
        Quantizer(TensorType.Q4_K).quantize(np.ones((2, 384), np.float32))


@pytest.mark.parametrize("rows", [np.ones((2, 33)), np.ones((64, 64)).T[::2]])
def test_rows_that_c_would_misread_are_refused(rows: NDArray[np.float64]) -> None:
    with pytest.raises(NotConvertible, match="contiguous rows of a multiple of 32"):
        Quantizer(TensorType.Q8_0).quantize(rows.astype(np.float32, order="K"))


@pytest.mark.parametrize(
    ("quant", "ftype"),
    [("q4_0", 2002), ("q5_0", 2008), ("q5_1", 2009), ("q8_0", 2007)],
)
def test_a_quantised_file_is_sound(
    f16: Path, tmp_path: Path, quant: str, ftype: int
) -> None:
    target = tmp_path / "quantised.bin"
    quantize(f16, target, quant)
    layout = read_layout(target)
    assert layout.header == with_ftype(ftype)
    embedding = layout.tensors[2]
    assert embedding.type.name.lower() == quant


def test_only_linear_weights_shrink(f16: Path, tmp_path: Path) -> None:
    quantize(f16, tmp_path / "q8_0.bin", "q8_0")
    before, after = read_layout(f16).tensors, read_layout(tmp_path / "q8_0.bin").tensors
    kept = {
        new.name for old, new in zip(before, after, strict=True) if old.type == new.type
    }
    assert "encoder.conv1.weight" in kept
    assert "encoder.positional_embedding" in kept
    assert len(after) - len(kept) == 65


def test_a_float32_file_can_be_quantised(tmp_path: Path) -> None:
    source = write_model(tmp_path / "f32.bin", with_ftype(0))
    quantize(source, tmp_path / "q8_0.bin", "q8_0")
    layout = read_layout(source)
    assert layout.header.weight_type is TensorType.F32


def test_progress_ends_at_the_end_of_the_source(f16: Path, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    quantize(f16, tmp_path / "q.bin", "q4_0", lambda *call: calls.append(call))
    size = f16.stat().st_size
    assert calls[-1] == ("quantising to q4_0", size, size)


def test_an_unknown_form_is_refused(f16: Path, tmp_path: Path) -> None:
    with pytest.raises(NotConvertible, match="expected q4_0 or .*, got 'q9'"):
        quantize(f16, tmp_path / "q.bin", "q9")


def test_a_quantised_file_is_not_quantised_again(f16: Path, tmp_path: Path) -> None:
    quantize(f16, tmp_path / "q8_0.bin", "q8_0")
    with pytest.raises(NotConvertible, match="expected an f16 model, got Q8_0"):
        quantize(tmp_path / "q8_0.bin", tmp_path / "q.bin", "q4_0")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    source = write_model(tmp_path / "f16.bin", TINY_EN)
    source.write_bytes(source.read_bytes()[:1000])
    with pytest.raises(BadModelFile):
        quantize(source, tmp_path / "q.bin", "q8_0")


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "expected",
    [entry for entry in all_entries() if entry.quant != "f16" and entry.sha256],
    ids=lambda entry: entry.name,
)
def test_quantising_gives_the_bytes_of_the_catalogue(
    converted_models: Path, tmp_path: Path, expected: ModelEntry
) -> None:
    target = tmp_path / "quantised.bin"
    quantize(converted_models / find(expected.base).file_name, target, expected.quant)
    check(target, Digest(expected.size, expected.sha256 or ""))
