"""
Products of large matrices, by numpy's BLAS, on memory that ggml owns.

ggml unpacks weights number by number for each row of the other matrix; for the hundreds
of rows of an encode it is quicker to unpack them once and let a BLAS multiply: base's
encode of 8 s took 0.41 s instead of 0.91 on one thread (AMD EPYC with AVX2, q8_0). For
the single row of a token it is not, and those stay with ggml.
"""

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.engines.whispercpp.ggml_structs import (
    F16,
    F32,
    MAX_DIMENSIONS,
    MUL_MAT,
    Tensor,
    TypeTraits,
)


MIN_ROWS = 64
"""Of the right matrix, which are frames or tokens: for the 34 tokens of an alignment
ggml and numpy take the same time."""
MIN_COLUMNS = 32
"""Of the result: a call takes some microseconds, whatever its size."""
TILE_ROWS = 128
"""Of weights that are multiplied by one call of the BLAS. Its last bits depend on how
large the matrices of a call are: with tiles as large as the number of threads has it,
what is heard would depend on how many there happen to be. Whole matrices take 4 to 12 %
less time, tiles of 256 up to 5."""
MAX_WEIGHTS = 8 << 20
"""Numbers unpacked at once, 32 MB of floats: the largest matrix of large-v3's encoder
has 6.6 million. The table of all tokens has 27 in base, and is not multiplied here."""

VOCABULARY = 51_864
"""Tokens of English-only models; others have a few more."""
FLOAT_BYTES = 4

Floats = NDArray[np.float32]


class TypeTable(Protocol):
    """How types of ggml lie in memory."""

    def __call__(self, number: int, /) -> TypeTraits | None:
        """Return it; None for types that cannot be unpacked."""


def is_product(tensor: Tensor, types: TypeTable) -> bool:
    """Tell whether a tensor is the product of matrices that `Multiplier` takes."""
    if tensor.op != MUL_MAT:
        return False
    left, right = _factors(tensor)
    return (
        tensor.ne[1] >= MIN_ROWS
        and tensor.ne[0] >= MIN_COLUMNS
        and prod(left.ne) <= MAX_WEIGHTS
        # ggml may multiply one matrix with several; Whisper's graphs do not.
        and (left.ne[2], left.ne[3]) == (right.ne[2], 1)
        and _is_multiplied_by(right, types)
        and _is_unpackable(left, types)
    )


def is_unread(tensor: Tensor) -> bool:
    """
    Tell whether a tensor is the scores of all tokens for each token of a text.

    libwhisper aligns a text with the audio by decoding it once more, and looks at what
    each token attended to; the scores, half of the work, it computes for nothing.
    """
    return bool(tensor.op == MUL_MAT and tensor.ne[0] >= VOCABULARY)


def clear(scores: Tensor) -> None:
    """Give a tensor for which `is_unread` holds a value where libwhisper copies it."""
    _array(scores)[0, 0, -1] = 0.0


class Multiplier:
    """Multiplies on some threads; one product at a time."""

    def __init__(self, types: TypeTable) -> None:
        self.threads = 1
        self._types = types
        self._left = np.empty(0, np.float32)
        self._right = np.empty(0, np.float32)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def unpacked_bytes(self) -> int:
        """Memory it keeps, at most 8 * MAX_WEIGHTS."""
        return self._left.nbytes + self._right.nbytes

    def multiply(self, product: Tensor) -> None:
        """Compute a tensor for which `is_product` holds."""
        left, right = _factors(product)
        if left.ne[2] > 1:
            self._multiply_heads(left, _array(right), _array(product))
        else:
            rows = self._rows_of(right)
            self._multiply_rows(left, rows, _array(product)[0, 0])

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _multiply_heads(self, left: Tensor, right: Floats, out: Floats) -> None:
        """Multiply the matrices of each head; each thread has some heads."""
        unpacked = self._floats(left).swapaxes(2, 3)

        def multiply(heads: slice) -> None:
            np.matmul(right[:, heads], unpacked[:, heads], out=out[:, heads])

        self._on_threads(multiply, left.ne[2])

    def _multiply_rows(self, left: Tensor, right: Floats, out: Floats) -> None:
        """Multiply two matrices; each thread unpacks some tiles of the left one."""
        columns, count = left.ne[0], left.ne[1]
        self._left = at_least(self._left, columns * count)
        scratch = self._left[: columns * count].reshape(count, columns)

        def multiply(tiles: slice) -> None:
            for tile in range(tiles.start, tiles.stop):
                rows = slice(tile * TILE_ROWS, min((tile + 1) * TILE_ROWS, count))
                self._unpack(left, rows, scratch[rows])
                np.matmul(right, scratch[rows].T, out=out[:, rows])

        self._on_threads(multiply, -(-count // TILE_ROWS))

    def _on_threads(self, work: Callable[[slice], None], count: int) -> None:
        first, *others = shares(count, self.threads)
        if others and self._pool is None:
            self._pool = ThreadPoolExecutor(thread_name_prefix="products")
        futures = [self._pool.submit(work, one) for one in others] if self._pool else []
        work(first)
        for future in futures:
            future.result()

    def _rows_of(self, right: Tensor) -> Floats:
        """Return a matrix of floats or of half ones: the kernels of convolutions."""
        rows: Floats
        if right.type == F32:
            rows = _array(right)[0, 0]
            return rows
        columns, count = right.ne[0], right.ne[1]
        self._right = at_least(self._right, columns * count)
        rows = self._right[: columns * count].reshape(count, columns)
        self._unpack(right, slice(0, count), rows)
        return rows

    def _floats(self, tensor: Tensor) -> Floats:
        """Return a tensor of floats or of half ones, which may be permuted."""
        if tensor.type == F32:
            return _array(tensor)
        size = prod(tensor.ne)
        self._left = scratch = at_least(self._left, size)
        self._traits(tensor).unpack(tensor.data, scratch.ctypes.data, size)
        # Half as long as a float each, and without gaps: only the strides differ.
        strides = tuple(2 * stride for stride in tensor.nb)
        return np.ndarray(tuple(tensor.ne)[::-1], np.float32, scratch, 0, strides[::-1])

    def _unpack(self, tensor: Tensor, rows: slice, into: Floats) -> None:
        if tensor.type == F32:
            into[:] = _array(tensor)[0, 0, rows]
            return
        address = tensor.data + rows.start * tensor.nb[1]
        self._traits(tensor).unpack(address, into.ctypes.data, into.size)

    def _traits(self, tensor: Tensor) -> TypeTraits:
        traits = self._types(tensor.type)
        assert traits is not None, "is_product holds"
        return traits


def at_least(memory: Floats, size: int) -> Floats:
    """Return memory for so many floats, the same while it is enough: pages are made
    only once."""
    return memory if len(memory) >= size else np.empty(size, np.float32)


def shares(count: int, threads: int) -> list[slice]:
    """Divide what is to be done into at most so many parts of about the same size."""
    ends = [count * part // threads for part in range(threads + 1)]
    return [slice(a, b) for a, b in zip(ends, ends[1:], strict=False) if a < b]


def _factors(product: Tensor) -> tuple[Tensor, Tensor]:
    left, right = product.src[0], product.src[1]
    return Tensor.from_address(left), Tensor.from_address(right)


def _is_multiplied_by(right: Tensor, types: TypeTable) -> bool:
    if right.type == F32:
        return bool(right.nb[0] == FLOAT_BYTES)
    is_matrix = right.type == F16 and right.ne[2] == 1
    return is_matrix and prod(right.ne) <= MAX_WEIGHTS and _is_unpackable(right, types)


def _is_unpackable(tensor: Tensor, types: TypeTable) -> bool:
    traits = types(tensor.type)
    if traits is None:
        return False
    if tensor.type == F32:
        return bool(tensor.nb[0] == FLOAT_BYTES)
    if tensor.type == F16 and tensor.ne[2] > 1:
        return _is_permuted(tensor)
    dense = tuple(_dense_strides(tensor, traits))
    return tensor.ne[2] == 1 and tuple(tensor.nb) == dense


def _dense_strides(tensor: Tensor, traits: TypeTraits) -> Iterator[int]:
    stride = traits.block_bytes
    yield stride
    stride = stride * (tensor.ne[0] // traits.block_elements)
    for elements in tensor.ne[1:MAX_DIMENSIONS]:
        yield stride
        stride *= elements


def _is_permuted(tensor: Tensor) -> bool:
    """Tell whether half floats fill their memory without gaps, in any order of rows."""
    expected = 2
    for stride, elements in sorted(zip(tensor.nb, tensor.ne, strict=True)):
        if stride != expected and elements > 1:
            return False
        expected *= elements
    return bool(tensor.nb[0] == FLOAT_BYTES // 2)


def _array(tensor: Tensor) -> Floats:
    """View a tensor of floats, outermost dimension first."""
    shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
    span = sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    memory = (ctypes.c_char * (span + FLOAT_BYTES)).from_address(tensor.data)
    return np.ndarray(shape, np.float32, memory, 0, strides)
