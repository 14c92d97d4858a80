"""
A device of ggml, written in Python, that leaves large products to numpy's BLAS.

The wheel's ggml has no BLAS, and one in C would have to be built by who installs it.
numpy brings an OpenBLAS with kernels for every processor, and ggml takes devices that
a program registers. This one is to ggml what its own `ggml-blas.cpp` is: an accelerator
beside the processor, in the same memory.

ggml asks for each node of each graph whether a device can compute it. Calls into Python
for every node of a token's graph would make each token slower, so it is asked while an
encode or an alignment is prepared; else a function in C answers, which always says no.
"""

import ctypes
import logging
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_void_p
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from whispercpp_ws.engines.whispercpp.devices import DeviceType, only_processors
from whispercpp_ws.engines.whispercpp.ggml import Ggml
from whispercpp_ws.engines.whispercpp.ggml_structs import (
    BACKEND_API,
    COMPUTE,
    FAILED,
    MUL_MAT,
    SUCCESS,
    AddressOf,
    Backend,
    BackendInterface,
    ComputeGraph,
    Device,
    DeviceAt,
    DeviceCount,
    DeviceInterface,
    DeviceProperties,
    FreeBackend,
    InitBackend,
    MemoryOf,
    NameOf,
    PropertiesOf,
    Registry,
    RegistryInterface,
    SetThreads,
    SupportsOp,
    Tensor,
    TypeOf,
)
from whispercpp_ws.engines.whispercpp.products import (
    Multiplier,
    clear,
    is_product,
    is_unread,
)
from whispercpp_ws.errors import LibraryNotFound


if TYPE_CHECKING:
    Size = ctypes._Pointer[ctypes.c_size_t]
    Properties = ctypes._Pointer[DeviceProperties]

FAST = ("openblas", "mkl", "blis", "flexiblas", "accelerate")
"""Parts of the names that numpy gives to its BLAS. Without one it multiplies with loops
of its own, many times slower than ggml."""

SET_THREADS = b"ggml_backend_set_n_threads"

logger = logging.getLogger(__name__)

_NAME = ctypes.create_string_buffer(b"numpy")
_GUID = (ctypes.c_uint8 * 16)(*b"whispercpp-ws/np")


class Graph(Enum):
    """What libwhisper makes a graph for that this device is asked about."""

    CONVOLUTIONS = auto()
    ENCODER = auto()
    KEYS = auto()
    """And values, that decoder steps look at."""
    ALIGNMENT = auto()


NEXT = {Graph.CONVOLUTIONS: Graph.ENCODER, Graph.ENCODER: Graph.KEYS}
"""What is made behind a graph: libwhisper asks for the nodes of one, says how many
threads shall compute it, and computes it, before it makes another."""


@dataclass(frozen=True, slots=True)
class _Member:
    """What one state computes with: a struct for ggml, and what multiplies for it."""

    backend: Backend
    multiplier: Multiplier


class Blas:
    """The device; made once in a process (`blas`), used by any number of states."""

    def __init__(self, ggml: Ggml) -> None:
        self._ggml = ggml
        self._members: dict[int, _Member] = {}
        self._is_offered = False
        self._lock = threading.Lock()
        self._expected: dict[int, Graph] = {}
        """What each thread prepares, by its number; nothing else is looked at."""
        self._asks = SupportsOp(self._supports)
        self._sets_threads = SetThreads(self._set_threads)
        self._registry = Registry(BACKEND_API, self._registry_interface())
        address = ctypes.addressof(self._registry)
        self._device = Device(self._device_interface(), address)
        self._backend_interface = BackendInterface(
            get_name=NameOf(_name), free=FreeBackend(self._free)
        )
        self._backend_interface.graph_compute = ComputeGraph(self._compute)
        ggml.register(self._device)

    @contextmanager
    def offered(self) -> Iterator[None]:
        """
        Let the states that are made inside compute with this device.

        Others do not: the voice detector's products are small, and many.
        """
        self._is_offered = True
        try:
            yield
        finally:
            self._is_offered = False

    def expect_encode(self) -> None:
        """Take products of this thread's next encode; to be called before each one."""
        self._expect(Graph.CONVOLUTIONS)

    def expect_alignment(self) -> None:
        """
        Leave out what nobody reads of this thread's next graph, which aligns a text.

        Its other products have as few rows as the text has tokens.
        """
        self._expect(Graph.ALIGNMENT)

    def _registry_interface(self) -> RegistryInterface:
        return RegistryInterface(
            NameOf(_name),
            DeviceCount(lambda _registry: 1),
            DeviceAt(lambda _registry, _index: ctypes.addressof(self._device)),
            AddressOf(self._address_of),
        )

    def _device_interface(self) -> DeviceInterface:
        # Memory is the processor's, and so are the functions that tell about it.
        processor = self._ggml.processor().interface
        return DeviceInterface(
            get_name=NameOf(_name),
            get_description=NameOf(_name),
            get_memory=MemoryOf(_no_memory),
            get_type=TypeOf(self._type),
            get_props=PropertiesOf(self._properties),
            init_backend=InitBackend(self._init),
            get_buffer_type=processor.get_buffer_type,
            supports_buft=processor.supports_buft,
            supports_op=self._ggml.no,
        )

    def _type(self, _device: int) -> int:
        # libwhisper takes every accelerator there is when it makes a state.
        return DeviceType.ACCELERATOR if self._is_offered else DeviceType.META

    def _properties(self, device: int, properties: "Properties") -> None:
        # Assigning to `contents` would only turn the pointer elsewhere.
        found = properties.contents
        found.name = found.description = ctypes.addressof(_NAME)
        found.type = self._type(device)

    def _address_of(self, _registry: int, name: bytes) -> int | None:
        return _address(self._sets_threads) if name == SET_THREADS else None

    def _init(self, _device: int, _params: bytes | None) -> int:
        device = ctypes.addressof(self._device)
        backend = Backend(ctypes.addressof(_GUID), self._backend_interface, device)
        address = ctypes.addressof(backend)
        self._members[address] = _Member(backend, Multiplier(self._ggml.type))
        return address

    def _free(self, backend: int) -> None:
        self._members.pop(backend).multiplier.close()

    def _set_threads(self, backend: int, threads: int) -> None:
        self._members[backend].multiplier.threads = threads
        with self._lock:
            self._count_graph(threading.get_ident())

    def _expect(self, graph: Graph) -> None:
        with self._lock:
            self._expected[threading.get_ident()] = graph
            self._device.interface.supports_op = _address(self._asks)

    def _count_graph(self, thread: int) -> None:
        computed = self._expected.pop(thread, None)
        if computed in NEXT:
            self._expected[thread] = NEXT[computed]
        if not self._expected:
            self._device.interface.supports_op = self._ggml.no

    def _supports(self, _device: int, node: int) -> bool:
        expected = self._expected.get(threading.get_ident())
        if expected is None:
            return False
        tensor = Tensor.from_address(node)
        if expected is Graph.ALIGNMENT:
            return is_unread(tensor)
        if not is_product(tensor, self._ggml.type):
            return False
        return self._ggml.is_plain(Tensor.from_address(tensor.src[0]))

    def _compute(self, backend: int, graph: int) -> int:
        multiply = self._members[backend].multiplier.multiply
        # The outermost frame: C calls it, and would go on after an exception.
        try:
            for node in self._ggml.nodes(graph):
                if is_unread(node):
                    clear(node)
                elif node.op == MUL_MAT and node.flags & COMPUTE:
                    multiply(node)
        except Exception:
            logger.exception("a product of matrices failed")
            return FAILED
        return SUCCESS


def unusable() -> str | None:
    """Say why numpy's BLAS cannot be used here; None where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        # Elsewhere ggml's kernels have not been compared with it.
        return "it is for Linux on x86-64"
    if not only_processors():
        return "there is a GPU"
    name = numpys_blas()
    if not any(part in name.lower() for part in FAST):
        return f"numpy was built with {name or 'none'}"
    try:
        return Ggml().differs()
    except (LibraryNotFound, AttributeError) as error:
        return f"another ggml is loaded: {error}"


def numpys_blas() -> str:
    """Return the name that numpy gives to its BLAS, such as "scipy-openblas"."""
    built_with = np.show_config(mode="dicts").get("Build Dependencies", {})
    return str(built_with.get("blas", {}).get("name", ""))


@cache
def blas() -> Blas:
    """Register the device, once in a process; `unusable` says whether that may be."""
    return Blas(Ggml())


def _address(callback: object) -> int:
    address = ctypes.cast(callback, c_void_p).value  # type: ignore[arg-type]
    assert address is not None, "a function has an address"
    return address


def _name(_object: int) -> int:
    return ctypes.addressof(_NAME)


def _no_memory(_device: int, free: "Size", total: "Size") -> None:
    free.contents.value = total.contents.value = 0
