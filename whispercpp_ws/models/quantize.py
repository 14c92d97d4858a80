"""
Quantise a ggml Whisper file, byte for byte as whisper.cpp's own tool does.

The arithmetic is `ggml_quantize_chunk` of the libggml in the wheel; which tensors are
quantised is the rule of `examples/quantize` in whisper.cpp 1.8.5. Only `q4_k` differs:
it also says which inputs matter, which that tool leaves out.
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
from whispercpp_ws.models.importance import input_importance


ROWS_AT_ONCE = 2048
"""Rows converted per call: 42 MB of float32 at the widest layer (large, 5120)."""

_SOURCE_DTYPES: dict[TensorType, np.dtype[np.generic]] = {
    TensorType.F32: np.dtype("<f4"),
    TensorType.F16: np.dtype("<f2"),
}


class Quantizer:
    """`ggml_quantize_chunk` of the bundled libggml for one type."""

    def __init__(self, kind: TensorType) -> None:
        self.kind = kind
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

    def quantize(
        self,
        rows: NDArray[np.float32],
        importance: NDArray[np.float32] | None = None,
    ) -> bytes:
        """
        Return the blocks of a C-contiguous array, rows of whole blocks.

        `importance` weighs the squared error of each column; None leaves it to ggml.
        """
        n_rows, n_per_row = rows.shape
        block = self.kind.block_weights
        if n_per_row % block or not rows.flags.c_contiguous:
            raise NotConvertible(
                f"expected contiguous rows of a multiple of {block}, got {n_per_row}"
            )
        blocks = np.empty(self.kind.size(rows.size), np.uint8)
        written: int = self._function(
            self.kind,
            rows.ctypes.data,
            blocks.ctypes.data,
            0,
            n_rows,
            n_per_row,
            None if importance is None else importance.ctypes.data,
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
    with source.open("rb") as file, target.open("wb") as output:
        _write_head(layout, kind, file, output)
        weights = _Weights(layout, file)
        quantizer = Quantizer(kind)
        for entry in layout.tensors:
            _write_tensor(entry, quantizer, weights, output)
            progress(
                f"quantising to {quant}", entry.offset + entry.size, layout.file_size
            )


class _Weights:
    """The tensors of an open f16 or f32 file."""

    def __init__(self, layout: ModelLayout, file: BinaryIO) -> None:
        self.file = file
        self._entries = {entry.name: entry for entry in layout.tensors}

    def read(self, name: str) -> NDArray[np.float32]:
        """Return a whole tensor in numpy's order of dimensions."""
        entry = self._entries[name]
        self.file.seek(entry.offset)
        data = self.file.read(entry.size)
        stored = np.frombuffer(data, _SOURCE_DTYPES[entry.type])
        return stored.astype(np.float32).reshape(entry.dims[::-1])


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
    entry: TensorEntry, quantizer: Quantizer, weights: _Weights, output: BinaryIO
) -> None:
    kind = quantizer.kind
    shrinks = expected_type(entry.name, entry.dims, kind) == kind
    written_type = kind if shrinks else entry.type
    name = entry.name.encode()
    output.write(struct.pack("<3i", len(entry.dims), len(name), written_type))
    output.write(struct.pack(f"<{len(entry.dims)}i", *entry.dims) + name)
    if shrinks:
        _quantize_rows(entry, quantizer, weights, output)
    else:
        weights.file.seek(entry.offset)
        _copy(weights.file, output, entry.size)


def _quantize_rows(
    entry: TensorEntry, quantizer: Quantizer, weights: _Weights, output: BinaryIO
) -> None:
    importance = None
    if quantizer.kind is TensorType.Q4_K:
        importance = input_importance(entry.name, weights.read)
    n_per_row, n_rows = entry.dims
    dtype = _SOURCE_DTYPES[entry.type]
    weights.file.seek(entry.offset)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, n_rows - start)
        data = weights.file.read(count * n_per_row * dtype.itemsize)
        rows = np.frombuffer(data, dtype).reshape(count, n_per_row)
        output.write(quantizer.quantize(rows.astype(np.float32), importance))


def _copy(file: BinaryIO, output: BinaryIO, count: int) -> None:
    while count:
        data = file.read(min(count, CHUNK_BYTES))
        output.write(data)
        count -= len(data)
