"""The C functions of ggml that a device written in Python needs, with Python types."""

import ctypes
from collections.abc import Iterator, Mapping
from ctypes import c_bool, c_char_p, c_int, c_size_t, c_void_p
from typing import Any

from whispercpp_ws.engines.whispercpp.devices import DeviceType
from whispercpp_ws.engines.whispercpp.ggml_structs import (
    F32,
    GGML_VERSION,
    MUL_MAT,
    OBJECT_BYTES,
    Device,
    Tensor,
    TypeTraits,
)
from whispercpp_ws.engines.whispercpp.library import load_library


_PROTOTYPES: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "ggml": {
        "ggml_backend_dev_by_type": (c_void_p, c_int),
        "ggml_backend_device_register": (None, c_void_p),
    },
    "ggml-base": {
        "ggml_version": (c_char_p,),
        "ggml_tensor_overhead": (c_size_t,),
        "ggml_op_name": (c_char_p, c_int),
        "ggml_get_type_traits": (ctypes.POINTER(TypeTraits), c_int),
        "ggml_graph_n_nodes": (c_int, c_void_p),
        "ggml_graph_node": (c_void_p, c_void_p, c_int),
        "ggml_backend_buffer_is_host": (c_bool, c_void_p),
    },
    "ggml-cpu": {"ggml_cpu_has_riscv_v": (c_int,)},
}
"""Of each library: function, result type, then argument types."""


class Ggml:
    """The loaded ggml; its libraries are found where libwhisper's are."""

    def __init__(self) -> None:
        self._c = dict(_functions())
        self._types: dict[int, TypeTraits | None] = {}

    def differs(self) -> str | None:
        """Say in what this is not the ggml whose structs are declared, if it is not."""
        version: bytes = self._c["ggml_version"]() or b""
        if version != GGML_VERSION:
            return f"ggml is {version.decode()}, not {GGML_VERSION.decode()}"
        size = self._c["ggml_tensor_overhead"]() - OBJECT_BYTES
        if size != ctypes.sizeof(Tensor):
            return f"a tensor has {size} bytes, not {ctypes.sizeof(Tensor)}"
        if self._c["ggml_op_name"](MUL_MAT) != b"MUL_MAT":
            return f"operation {MUL_MAT} is not MUL_MAT"
        return None

    def processor(self) -> Device:
        """Return the processor's device, which ggml owns."""
        address = self._c["ggml_backend_dev_by_type"](int(DeviceType.CPU))
        return Device.from_address(address)

    def register(self, device: Device) -> None:
        """Add a device, for the life of the process: nothing takes it away again."""
        self._c["ggml_backend_device_register"](ctypes.addressof(device))

    def type(self, number: int) -> TypeTraits | None:
        """Return how a type lies in memory, None where it cannot be unpacked."""
        if number not in self._types:
            traits = self._c["ggml_get_type_traits"](number).contents
            self._types[number] = traits if number == F32 or traits.unpack else None
        return self._types[number]

    def nodes(self, graph: int) -> Iterator[Tensor]:
        """Return the tensors of a graph, in the order to compute them."""
        node_at = self._c["ggml_graph_node"]
        for index in range(self._c["ggml_graph_n_nodes"](graph)):
            yield Tensor.from_address(node_at(graph, index))

    def is_plain(self, tensor: Tensor) -> bool:
        """Tell whether a tensor lies in memory as its type says; ggml rearranges
        weights of some types for its own kernels."""
        if not tensor.buffer:
            return True
        return bool(self._c["ggml_backend_buffer_is_host"](tensor.buffer))

    @property
    def no(self) -> int:
        """Address of a C function that returns 0 on x86, whatever it is given."""
        function = self._c["ggml_cpu_has_riscv_v"]
        return ctypes.cast(function, c_void_p).value or 0


def _functions() -> Iterator[tuple[str, Any]]:
    for library, functions in _PROTOTYPES.items():
        loaded = load_library(library)
        for name, (result, *arguments) in functions.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
            yield name, function
