"""What the loaded libggml can compute on."""

import ctypes
from collections.abc import Iterator
from enum import IntEnum

from whispercpp_ws.engines.whispercpp.library import load_library


class DeviceType(IntEnum):
    """`ggml_backend_dev_type` of ggml-backend.h."""

    CPU = 0
    GPU = 1
    IGPU = 2
    ACCELERATOR = 3


def device_types() -> Iterator[DeviceType]:
    """Name the type of every device, with or without a model on it."""
    registry, base = load_library("ggml"), load_library("ggml-base")
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    for index in range(registry.ggml_backend_dev_count()):
        device = registry.ggml_backend_dev_get(index)
        yield DeviceType(base.ggml_backend_dev_type(device))


def only_processors() -> bool:
    """Tell whether models can only be on the processor."""
    return set(device_types()) <= {DeviceType.CPU}
