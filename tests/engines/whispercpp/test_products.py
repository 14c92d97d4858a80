"""Products of matrices in ggml's memory: which are taken, and that they are right."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whispercpp_ws.engines.whispercpp import products
from whispercpp_ws.engines.whispercpp.ggml import Ggml
from whispercpp_ws.engines.whispercpp.ggml_structs import F16, F32, MUL_MAT, Tensor
from whispercpp_ws.engines.whispercpp.products import Multiplier, is_product, shares


Q8_0, I32 = 8, 26
ADD = 2
FLOATS = np.random.default_rng(1)
Array = NDArray[np.generic]


class Graph:
    """Tensors over arrays, which live as long as it does."""

    def __init__(self) -> None:
        self._kept: list[object] = []
        self.types = Ggml().type

    def tensor(self, array: Array, number: int = F32) -> Tensor:
        """Describe an array of up to four dimensions as ggml does."""
        self._kept.append(array)
        missing = 4 - array.ndim
        shape = (1,) * missing + array.shape
        strides = (array.strides[0] * array.shape[0],) * missing + array.strides
        made = Tensor(number, None, shape[::-1], strides[::-1], data=array.ctypes.data)
        self._kept.append(made)
        return made

    def packed(self, weights: NDArray[np.float32]) -> Tensor:
        """Describe a matrix as blocks of 32 integers with a scale each (Q8_0)."""
        blocks = weights.reshape(-1, 32)
        scales = np.abs(blocks).max(1, keepdims=True).astype(np.float16) / 127
        integers = np.rint(blocks / np.maximum(scales, 1e-8)).astype(np.int8)
        raw = np.concatenate([scales.astype(np.float16).view(np.int8), integers], 1)
        rows, columns = weights.shape
        made = self.tensor(raw.reshape(rows, -1), Q8_0)
        row_bytes = columns // 32 * 34
        made.ne[:] = (columns, rows, 1, 1)
        made.nb[:] = (34, row_bytes, row_bytes * rows, row_bytes * rows)
        return made

    def product(
        self, left: Tensor, right: Tensor
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """Make the node of a product, and the array that it is computed into."""
        shape = (right.ne[3], right.ne[2], right.ne[1], left.ne[1])
        into = np.full(shape, np.nan, np.float32)
        node = self.tensor(into)
        node.op = MUL_MAT
        node.src[0], node.src[1] = ctypes.addressof(left), ctypes.addressof(right)
        return node, into


@pytest.fixture
def graph() -> Graph:
    return Graph()


def floats(*shape: int) -> NDArray[np.float32]:
    return FLOATS.standard_normal(shape, np.float32)


def multiplied(graph: Graph, node: Tensor, threads: int) -> None:
    multiplier = Multiplier(graph.types)
    multiplier.threads = threads
    multiplier.multiply(node)
    multiplier.close()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("kind", ["float", "half", "blocks"])
def test_weights_of_each_kind_are_multiplied(
    graph: Graph, kind: str, threads: int
) -> None:
    weights, frames = floats(96, 64), floats(80, 64)
    left = {
        "float": lambda: graph.tensor(weights),
        "half": lambda: graph.tensor(weights.astype(np.float16), F16),
        "blocks": lambda: graph.packed(weights),
    }[kind]()
    node, into = graph.product(left, graph.tensor(frames))
    assert is_product(node, graph.types)
    multiplied(graph, node, threads)
    # Blocks are off by at most half of their step, 1/127 of the largest of 32.
    assert into[0, 0] == pytest.approx(frames @ weights.T, abs=0.7)
    assert np.abs(into[0, 0] - frames @ weights.T).mean() < 0.06


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("half", [False, True])
def test_heads_are_multiplied_one_by_one_though_their_rows_are_apart(
    graph: Graph, *, half: bool, threads: int
) -> None:
    # As Whisper's keys and queries are: a frame's heads lie one after the other.
    keys, queries = floats(70, 8, 64), floats(70, 8, 64)
    kind = np.float16 if half else np.float32
    left = graph.tensor(keys.astype(kind).swapaxes(0, 1), F16 if half else F32)
    right = graph.tensor(queries.swapaxes(0, 1))
    node, into = graph.product(left, right)
    assert is_product(node, graph.types)
    multiplied(graph, node, threads)
    expected = np.einsum("qhd,khd->hqk", queries, keys.astype(kind).astype(np.float32))
    assert into[0] == pytest.approx(expected, abs=1e-3)


def test_the_number_of_threads_does_not_change_a_bit(graph: Graph) -> None:
    weights, frames = graph.packed(floats(700, 512)), graph.tensor(floats(133, 512))
    results = []
    for threads in (1, 2, 3, 8):
        node, into = graph.product(weights, frames)
        multiplied(graph, node, threads)
        results.append(into.tobytes())
    assert results == [results[0]] * 4


def test_kernels_of_convolutions_are_half_floats_on_both_sides(graph: Graph) -> None:
    frames, kernels = floats(90, 240), floats(64, 240)
    left, right = frames.astype(np.float16), kernels.astype(np.float16)
    node, into = graph.product(graph.tensor(left, F16), graph.tensor(right, F16))
    assert is_product(node, graph.types)
    multiplied(graph, node, 2)
    assert into[0, 0] == pytest.approx(kernels @ frames.T, abs=0.1)


def test_half_floats_on_the_right_are_no_more_than_are_unpacked_at_once(
    graph: Graph,
) -> None:
    left = graph.tensor(floats(64, 64).astype(np.float16), F16)
    right = graph.tensor(floats(64, 64).astype(np.float16), F16)
    node, _ = graph.product(left, right)
    assert is_product(node, graph.types)
    right.ne[1] = products.MAX_WEIGHTS // 64 + 1
    assert not is_product(node, graph.types)


def test_memory_for_unpacked_weights_is_made_once(graph: Graph) -> None:
    multiplier = Multiplier(graph.types)
    small, large = floats(64, 64), floats(128, 64)
    for weights in (large, small, large):
        node, into = graph.product(graph.packed(weights), graph.tensor(floats(64, 64)))
        multiplier.multiply(node)
        assert not np.isnan(into).any()
    assert multiplier.unpacked_bytes == 128 * 64 * 4


def changed(change: Callable[[Graph, Tensor, Tensor, Tensor], object]) -> bool:
    graph = Graph()
    left, right = graph.packed(floats(64, 64)), graph.tensor(floats(64, 64))
    node, _ = graph.product(left, right)
    assert is_product(node, graph.types)
    change(graph, node, left, right)
    return is_product(node, graph.types)


def set_to(values: "ctypes.Array[ctypes.c_int64]", index: int, value: int) -> None:
    values[index] = value


@pytest.mark.parametrize(
    "change",
    [
        lambda _graph, node, _left, _right: setattr(node, "op", ADD),
        lambda _graph, node, _left, _right: set_to(node.ne, 1, 63),
        lambda _graph, node, _left, _right: set_to(node.ne, 0, 31),
        lambda _graph, _node, left, _right: setattr(left, "type", I32),
        lambda _graph, _node, left, _right: set_to(left.nb, 1, 64),
        lambda _graph, _node, left, _right: set_to(left.ne, 2, 2),
        lambda _graph, _node, left, _right: set_to(left.ne, 3, 2),
        lambda _graph, _node, left, _right: set_to(left.ne, 1, 1 << 20),
        lambda _graph, _node, _left, right: setattr(right, "type", Q8_0),
        lambda _graph, _node, _left, right: set_to(right.nb, 0, 8),
    ],
    ids=[
        "another operation",
        "few rows",
        "few columns",
        "integers that are no weights",
        "gaps between rows",
        "one matrix for several",
        "four dimensions",
        "more weights than are unpacked at once",
        "blocks to multiply with",
        "gaps between numbers",
    ],
)
def test_other_tensors_are_left_to_ggml(
    change: Callable[[Graph, Tensor, Tensor, Tensor], object],
) -> None:
    assert not changed(change)


def test_half_floats_with_gaps_between_heads_are_left_to_ggml(graph: Graph) -> None:
    keys = floats(70, 9, 64).astype(np.float16)[:, :8]
    left = graph.tensor(keys.swapaxes(0, 1), F16)
    node, _ = graph.product(left, graph.tensor(floats(8, 70, 64)))
    assert not is_product(node, graph.types)


def test_the_largest_matrix_of_large_v3_is_taken_and_a_table_of_tokens_is_not() -> None:
    assert 5120 * 1280 <= products.MAX_WEIGHTS < 51_865 * 384


@given(st.integers(1, 300), st.integers(1, 70))
def test_shares_are_all_there_is_and_of_about_one_size(
    count: int, threads: int
) -> None:
    parts = shares(count, threads)
    assert [n for part in parts for n in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(count, threads)
