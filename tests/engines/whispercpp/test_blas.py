"""The device that leaves large products to numpy, called as ggml calls it."""

import ctypes
import logging
import platform
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_size_t
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engines.whispercpp.test_products import Graph, floats
from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.whispercpp import blas as blas_module
from whispercpp_ws.engines.whispercpp.blas import (
    SET_THREADS,
    Blas,
    numpys_blas,
    unusable,
)
from whispercpp_ws.engines.whispercpp.devices import DeviceType
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine
from whispercpp_ws.engines.whispercpp.ggml import Ggml
from whispercpp_ws.engines.whispercpp.ggml_structs import (
    COMPUTE,
    FAILED,
    SUCCESS,
    Backend,
    Device,
    DeviceProperties,
    Registry,
    SetThreads,
    SupportsOp,
    Tensor,
)
from whispercpp_ws.engines.whispercpp.products import VOCABULARY, Multiplier
from whispercpp_ws.transcript import Hypothesis


class FakeGgml(Ggml):
    """A ggml whose devices nobody sees, and whose graphs a test makes."""

    def __init__(self) -> None:
        super().__init__()
        self.registered: list[Device] = []
        self.graph: list[Tensor] = []
        self.plain = True

    def register(self, device: Device) -> None:
        self.registered.append(device)

    def nodes(self, graph: int) -> Iterator[Tensor]:
        assert graph == 1
        return iter(self.graph)

    def is_plain(self, tensor: Tensor) -> bool:
        return self.plain


class Caller:
    """Calls the registered device through its functions, as C does."""

    def __init__(self) -> None:
        self.ggml = FakeGgml()
        self.blas = Blas(self.ggml)
        (self.device,) = self.ggml.registered
        self.address = ctypes.addressof(self.device)
        self.registry = Registry.from_address(self.device.registry)

    def kind(self) -> int:
        return int(self.device.interface.get_type(self.address))

    def takes(self, node: Tensor) -> bool:
        asked = SupportsOp(self.device.interface.supports_op)
        return bool(asked(self.address, ctypes.addressof(node)))

    def backend(self) -> Backend:
        return Backend.from_address(
            self.device.interface.init_backend(self.address, None)
        )

    def set_threads(self, backend: Backend, threads: int) -> None:
        interface = self.registry.interface
        address = interface.get_proc_address(self.device.registry, SET_THREADS)
        SetThreads(address)(ctypes.addressof(backend), threads)

    def compute(self, backend: Backend) -> int:
        address = ctypes.addressof(backend)
        return int(backend.interface.graph_compute(address, 1))


@pytest.fixture
def caller() -> Caller:
    return Caller()


@pytest.fixture
def graph() -> Graph:
    return Graph()


def text_at(address: int) -> bytes:
    return ctypes.string_at(address)


def test_only_states_that_are_made_while_it_is_offered_take_it(caller: Caller) -> None:
    assert caller.kind() == DeviceType.META
    with caller.blas.offered():
        assert caller.kind() == DeviceType.ACCELERATOR
    assert caller.kind() == DeviceType.META


def test_it_has_a_name_and_no_memory_of_its_own(caller: Caller) -> None:
    interface = caller.device.interface
    free, total = c_size_t(7), c_size_t(7)
    interface.get_memory(caller.address, free, total)
    assert (free.value, total.value) == (0, 0)
    said = DeviceProperties()
    interface.get_props(caller.address, said)
    assert (text_at(said.name), said.type) == (b"numpy", DeviceType.META)
    assert text_at(interface.get_description(caller.address)) == b"numpy"
    assert text_at(interface.get_name(caller.address)) == b"numpy"


def test_its_registry_has_one_device(caller: Caller) -> None:
    interface, address = caller.registry.interface, caller.device.registry
    assert interface.get_device_count(address) == 1
    assert interface.get_device(address, 0) == caller.address
    assert text_at(interface.get_name(address)) == b"numpy"
    assert interface.get_proc_address(address, b"anything else") is None


def test_products_are_taken_from_before_an_encode_until_its_last_graph(
    caller: Caller, graph: Graph
) -> None:
    node, _ = graph.product(graph.packed(floats(64, 64)), graph.tensor(floats(64, 64)))
    backend = caller.backend()
    assert not caller.takes(node)
    for _ in range(2):
        caller.blas.expect_encode()
        for _ in ("convolutions", "encoder", "keys"):
            assert caller.takes(node)
            caller.set_threads(backend, 1)
        assert not caller.takes(node)
        caller.set_threads(backend, 1)
        assert not caller.takes(node)


def scores(graph: Graph) -> tuple[Tensor, NDArray[np.float32]]:
    """Make the node of all tokens' scores for each of three tokens."""
    table = graph.tensor(np.zeros((VOCABULARY, 1), np.float32))
    return graph.product(table, graph.tensor(floats(3, 1)))


def test_scores_that_nobody_reads_are_left_out_of_an_alignment(
    caller: Caller, graph: Graph
) -> None:
    unread, into = scores(graph)
    node, _ = graph.product(graph.packed(floats(64, 64)), graph.tensor(floats(64, 64)))
    backend = caller.backend()
    caller.blas.expect_encode()
    assert not caller.takes(unread)
    caller.blas.expect_alignment()
    assert [caller.takes(unread), caller.takes(node)] == [True, False]
    caller.set_threads(backend, 1)
    assert not caller.takes(unread)
    caller.ggml.graph = [unread]
    assert caller.compute(backend) == SUCCESS
    assert np.isnan(into[0, 0, :-1]).all()
    assert not into[0, 0, -1].any()


def test_the_encode_of_another_lane_changes_nothing(
    caller: Caller, graph: Graph
) -> None:
    node, _ = graph.product(graph.packed(floats(64, 64)), graph.tensor(floats(64, 64)))
    backend = caller.backend()
    caller.blas.expect_encode()

    def another() -> list[bool]:
        without = caller.takes(node)
        caller.blas.expect_encode()
        for _ in ("convolutions", "encoder", "keys"):
            caller.set_threads(backend, 1)
        return [without, caller.takes(node)]

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(another).result() == [False, False]
    assert caller.takes(node)


def test_nodes_that_are_no_large_products_are_not_taken(
    caller: Caller, graph: Graph
) -> None:
    caller.blas.expect_encode()
    assert not caller.takes(Tensor(op=2))
    node, _ = graph.product(graph.packed(floats(64, 64)), graph.tensor(floats(8, 64)))
    assert not caller.takes(node)


def test_weights_that_ggml_rearranged_are_left_to_it(
    caller: Caller, graph: Graph
) -> None:
    node, _ = graph.product(graph.packed(floats(64, 64)), graph.tensor(floats(64, 64)))
    caller.blas.expect_encode()
    caller.ggml.plain = False
    assert not caller.takes(node)


def test_a_graphs_products_are_computed_and_its_other_nodes_are_not(
    caller: Caller, graph: Graph
) -> None:
    weights, frames = floats(64, 64), floats(64, 64)
    wanted, into = graph.product(graph.tensor(weights), graph.tensor(frames))
    unwanted, left_alone = graph.product(graph.tensor(weights), graph.tensor(frames))
    wanted.flags = COMPUTE
    caller.ggml.graph = [Tensor(flags=COMPUTE), unwanted, wanted]
    backend = caller.backend()
    caller.set_threads(backend, 2)
    assert caller.compute(backend) == SUCCESS
    assert into[0, 0] == pytest.approx(frames @ weights.T, abs=1e-3)
    assert np.isnan(left_alone).all()


def test_a_product_that_fails_fails_the_graph_and_is_logged(
    caller: Caller,
    graph: Graph,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_multiplier: Multiplier, _product: Tensor) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(Multiplier, "multiply", fail)
    node, _ = graph.product(graph.tensor(floats(64, 64)), graph.tensor(floats(64, 64)))
    node.flags = COMPUTE
    caller.ggml.graph = [node]
    with caplog.at_level(logging.ERROR):
        assert caller.compute(caller.backend()) == FAILED
    assert "no room" in caplog.text


def test_what_is_freed_is_forgotten_and_its_threads_end(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Multiplier] = []
    monkeypatch.setattr(Multiplier, "close", lambda one: closed.append(one))
    first, second = caller.backend(), caller.backend()
    assert bytes(first)[:8] == bytes(second)[:8], "a kind of backend has one guid"
    first.interface.free(ctypes.addressof(first))
    assert len(closed) == 1
    assert caller.compute(second) == SUCCESS


@pytest.mark.parametrize(
    ("system", "machine", "processors", "name", "differs", "reason"),
    [
        ("linux", "x86_64", True, "scipy-openblas", None, None),
        ("linux", "x86_64", True, "mkl-sdl", None, None),
        ("darwin", "arm64", True, "accelerate", None, "it is for Linux on x86-64"),
        ("linux", "aarch64", True, "openblas", None, "it is for Linux on x86-64"),
        ("linux", "x86_64", False, "openblas", None, "there is a GPU"),
        ("linux", "x86_64", True, "lapack", None, "numpy was built with lapack"),
        ("linux", "x86_64", True, "", None, "numpy was built with none"),
        ("linux", "x86_64", True, "openblas", "ggml is 1", "ggml is 1"),
    ],
)
def test_it_is_used_where_it_was_found_to_be_faster(
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    name: str,
    differs: str | None,
    reason: str | None,
    *,
    processors: bool,
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(blas_module, "only_processors", lambda: processors)
    monkeypatch.setattr(blas_module, "numpys_blas", lambda: name)
    monkeypatch.setattr(Ggml, "differs", lambda _ggml: differs)
    assert unusable() == reason


def test_a_library_without_the_functions_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lacking(_ggml: Ggml) -> str | None:
        raise AttributeError("undefined symbol: ggml_version")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(blas_module, "numpys_blas", lambda: "openblas")
    monkeypatch.setattr(Ggml, "differs", lacking)
    assert unusable() == "another ggml is loaded: undefined symbol: ggml_version"


def test_numpy_tells_its_blas() -> None:
    assert numpys_blas()


def heard(model: Path, samples: Samples, *, use_blas: bool) -> Hypothesis:
    engine = WhisperCppEngine.load(model, model="tiny.en-q8_0", use_blas=use_blas)
    lane = engine.open_lane()
    options = DecodeOptions("en", audio_ctx=600)
    request = DecodeRequest(1, Priority.FINAL, samples, options, threads=2)
    result = lane.decode(request)
    lane.close()
    engine.close()
    return result


@pytest.mark.model
@pytest.mark.skipif(unusable() is not None, reason=f"no BLAS: {unusable()}")
def test_words_are_those_that_ggmls_own_kernels_give(
    tiny_en_model: Path, jfk: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = heard(tiny_en_model, jfk, use_blas=False)
    computed = []
    multiply = Multiplier.multiply

    def counted(multiplier: Multiplier, product: Tensor) -> None:
        computed.append(multiplier.threads)
        multiply(multiplier, product)

    monkeypatch.setattr(Multiplier, "multiply", counted)
    with_blas = heard(tiny_en_model, jfk, use_blas=True)
    # Two convolutions, 8 in each of the 4 layers of the encoder, and 2 for each of the
    # decoder's.
    assert computed == [2] * 42
    assert with_blas.text == without.text
    assert [word.end_s for word in with_blas.words] == pytest.approx(
        [word.end_s for word in without.words], abs=0.1
    )
