"""What the loaded libggml can compute on."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from whispercpp_ws.engines.whispercpp.library import load_library


class DeviceType(IntEnum):
    """`ggml_backend_dev_type` of ggml-backend.h."""

    CPU = 0
    GPU = 1
    IGPU = 2
    ACCELERATOR = 3
    META = 4
    """Several as one. So says `blas` of its device while it is offered to nobody."""


GPUS = frozenset({DeviceType.GPU, DeviceType.IGPU})


@dataclass(frozen=True, slots=True)
class Device:
    """One of them."""

    type: DeviceType
    name: str
    """As its driver calls it, such as "NVIDIA H200"."""


def devices() -> Iterator[Device]:
    """Name every device, with or without a model on it."""
    registry, base = load_library("ggml"), load_library("ggml-base")
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_description.restype = ctypes.c_char_p
    base.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    for index in range(registry.ggml_backend_dev_count()):
        handle = registry.ggml_backend_dev_get(index)
        name = base.ggml_backend_dev_description(handle) or b""
        number = base.ggml_backend_dev_type(handle)
        yield Device(DeviceType(number), name.decode("utf-8", "replace"))


def only_processors() -> bool:
    """Tell whether models can only be on the processor."""
    types = {device.type for device in devices()}
    return types <= {DeviceType.CPU, DeviceType.META}


def gpu_name() -> str | None:
    """Name the GPU that models are put on, or None where there is none."""
    # libwhisper takes the first of either type, and no second one.
    gpus = (device.name for device in devices() if device.type in GPUS)
    return next(gpus, None)
