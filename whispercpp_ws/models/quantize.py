"""
Quantise a ggml Whisper file, byte for byte as whisper.cpp's own tool does.

The arithmetic is `ggml_quantize_chunk` of the libggml in the wheel; which tensors are
quantised is the rule of `examples/quantize` in whisper.cpp 1.8.5.
"""

import ctypes
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.engines.whispercpp.library import load_library
from whispercpp_ws.engines.whispercpp.model_file import (
    FILE_TYPES,
    ModelLayout,
    TensorEntry,
    TensorType,
    expected_type,
    read_layout,
)
from whispercpp_ws.errors import NotConvertible
from whispercpp_ws.models.atomic import CHUNK_BYTES, Progress, no_progress
from whispercpp_ws.models.catalog import QUANTS


ROWS_AT_ONCE = 2048
"""Rows converted per call: 42 MB of float32 at the widest layer (large, 5120)."""

_SOURCE_DTYPES: dict[TensorType, np.dtype[np.generic]] = {
    TensorType.F32: np.dtype("<f4"),
    TensorType.F16: np.dtype("<f2"),
}


class Quantizer:
    """`ggml_quantize_chunk` of the bundled libggml for one type."""

    def __init__(self, kind: TensorType) -> None:
        self._kind = kind
        self._function = load_library("ggml-base").ggml_quantize_chunk
        self._function.restype = ctypes.c_size_t
        self._function.argtypes = [
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_int64,
            ctypes.c_void_p,
        ]

    def quantize(self, rows: NDArray[np.float32]) -> bytes:
        """Return the blocks of a C-contiguous array; a row is a multiple of 32 long."""
        n_rows, n_per_row = rows.shape
        if n_per_row % 32 or not rows.flags.c_contiguous:
            raise NotConvertible(
                f"expected contiguous rows of a multiple of 32, got {n_per_row}"
            )
        blocks = np.empty(self._kind.size(rows.size), np.uint8)
        written: int = self._function(
            self._kind,
            rows.ctypes.data,
            blocks.ctypes.data,
            0,
            n_rows,
            n_per_row,
            None,
        )
        assert written == blocks.size, (written, blocks.size)
        return blocks.tobytes()


def quantize(
    source: Path, target: Path, quant: str, progress: Progress = no_progress
) -> None:
    """
    Write `target`, the quantised form of an f16 or f32 file.

    Args:
        source: a sound ggml file, f16 for the result to match the catalogue.
        target: written from the start; incomplete if an error is raised.
        quant: one of `catalog.QUANTS`.
        progress: called with the bytes of the source read so far.

    Raises:
        BadModelFile: the source is not a sound model file.
        NotConvertible: the source is quantised already, or `quant` is unknown.
    """
    kind = _type_of(quant)
    layout = read_layout(source)
    if layout.header.weight_type not in _SOURCE_DTYPES:
        raise NotConvertible(
            f"{source}: expected an f16 model, got {layout.header.weight_type.name}"
        )
    quantizer = Quantizer(kind)
    with source.open("rb") as file, target.open("wb") as output:
        _write_head(layout, kind, file, output)
        for entry in layout.tensors:
            _write_tensor(entry, kind, quantizer, file, output)
            progress(f"quantising to {quant}", file.tell(), layout.file_size)


def _type_of(quant: str) -> TensorType:
    if quant not in QUANTS:
        raise NotConvertible(f"expected {' or '.join(QUANTS)}, got {quant[:80]!r}")
    return TensorType[quant.upper()]


def _write_head(
    layout: ModelLayout, kind: TensorType, file: BinaryIO, output: BinaryIO
) -> None:
    ftype = next(number for number, held in FILE_TYPES.items() if held == kind)
    header = replace(layout.header, ftype=ftype).pack()
    output.write(header)
    file.seek(len(header))
    output.write(file.read(layout.tensors_offset - len(header)))


def _write_tensor(
    entry: TensorEntry,
    kind: TensorType,
    quantizer: Quantizer,
    file: BinaryIO,
    output: BinaryIO,
) -> None:
    shrinks = expected_type(entry.name, entry.dims, kind) == kind
    written_type = kind if shrinks else entry.type
    name = entry.name.encode()
    output.write(struct.pack("<3i", len(entry.dims), len(name), written_type))
    output.write(struct.pack(f"<{len(entry.dims)}i", *entry.dims) + name)
    file.seek(entry.offset)
    if shrinks:
        _quantize_rows(entry, quantizer, file, output)
    else:
        _copy(file, output, entry.size)


def _quantize_rows(
    entry: TensorEntry, quantizer: Quantizer, file: BinaryIO, output: BinaryIO
) -> None:
    n_per_row, n_rows = entry.dims
    dtype = _SOURCE_DTYPES[entry.type]
    for start in range(0, n_rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, n_rows - start)
        data = file.read(count * n_per_row * dtype.itemsize)
        rows = np.frombuffer(data, dtype).reshape(count, n_per_row)
        output.write(quantizer.quantize(rows.astype(np.float32)))


def _copy(file: BinaryIO, output: BinaryIO, count: int) -> None:
    while count:
        data = file.read(min(count, CHUNK_BYTES))
        output.write(data)
        count -= len(data)
