"""
The C structs of ggml 0.13.1 that a backend is made of, in their field order.

`Tensor` and `TypeTraits` are those of ggml.h, the others of ggml-backend-impl.h, which
is no public header: `blas` compares the version before it uses them. Members that are
never set are pointers without a type.
"""

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_void_p,
)


GGML_VERSION = b"0.13.1"
"""The only one these were declared for; libwhisper 1.8.5 comes with it."""
BACKEND_API = 2
"""GGML_BACKEND_API_VERSION."""
OBJECT_BYTES = 32
"""What ggml_tensor_overhead adds to a tensor."""

MAX_DIMENSIONS = 4
MUL_MAT = 29
"""GGML_OP_MUL_MAT."""
F32, F16 = 0, 1
"""GGML_TYPE_F32 and GGML_TYPE_F16; other types are blocks of integers."""
COMPUTE = 16
"""GGML_TENSOR_FLAG_COMPUTE: nodes without it are left out."""
SUCCESS, FAILED = 0, -1
"""GGML_STATUS_SUCCESS and GGML_STATUS_FAILED."""

NameOf = CFUNCTYPE(c_void_p, c_void_p)
"""A pointer and not c_char_p, for which a callback would have to make memory."""
Unpack = CFUNCTYPE(None, c_void_p, c_void_p, c_int64)
"""From a row or several of one type to as many floats."""
FreeBackend = CFUNCTYPE(None, c_void_p)
ComputeGraph = CFUNCTYPE(c_int, c_void_p, c_void_p)
TypeOf = CFUNCTYPE(c_int, c_void_p)
MemoryOf = CFUNCTYPE(None, c_void_p, POINTER(c_size_t), POINTER(c_size_t))
InitBackend = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
SupportsOp = CFUNCTYPE(c_bool, c_void_p, c_void_p)
DeviceCount = CFUNCTYPE(c_size_t, c_void_p)
DeviceAt = CFUNCTYPE(c_void_p, c_void_p, c_size_t)
AddressOf = CFUNCTYPE(c_void_p, c_void_p, c_char_p)
SetThreads = CFUNCTYPE(None, c_void_p, c_int)


class Tensor(ctypes.Structure):
    """`ggml_tensor`; `ne` and `nb`, elements and strides in bytes, innermost first."""

    _fields_ = (
        ("type", c_int),
        ("buffer", c_void_p),
        ("ne", c_int64 * MAX_DIMENSIONS),
        ("nb", c_size_t * MAX_DIMENSIONS),
        ("op", c_int),
        ("op_params", c_int32 * 16),
        ("flags", c_int32),
        ("src", c_void_p * 10),
        ("view_src", c_void_p),
        ("view_offs", c_size_t),
        ("data", c_void_p),
        ("name", c_char * 64),
        ("extra", c_void_p),
        ("padding", c_char * 8),
    )


class TypeTraits(ctypes.Structure):
    """`ggml_type_traits`: how the numbers of a type lie in memory."""

    _fields_ = (
        ("type_name", c_char_p),
        ("block_elements", c_int64),
        ("interleaved", c_int64),
        ("block_bytes", c_size_t),
        ("is_quantized", c_bool),
        ("unpack", Unpack),
        ("pack", c_void_p),
    )


class BackendInterface(ctypes.Structure):
    """`ggml_backend_i`."""

    _fields_ = (
        ("get_name", NameOf),
        ("free", FreeBackend),
        ("asynchronous", c_void_p * 5),
        ("synchronize", c_void_p),
        ("plans", c_void_p * 4),
        ("graph_compute", ComputeGraph),
        ("events", c_void_p * 2),
        ("graph_optimize", c_void_p),
    )


class Backend(ctypes.Structure):
    """`ggml_backend`: what a state computes with."""

    _fields_ = (
        ("guid", c_void_p),
        ("interface", BackendInterface),
        ("device", c_void_p),
        ("context", c_void_p),
    )


class DeviceProperties(ctypes.Structure):
    """`ggml_backend_dev_props`."""

    _fields_ = (
        ("name", c_void_p),
        ("description", c_void_p),
        ("memory_free", c_size_t),
        ("memory_total", c_size_t),
        ("type", c_int),
        ("device_id", c_char_p),
        ("capabilities", c_bool * 4),
    )


PropertiesOf = CFUNCTYPE(None, c_void_p, POINTER(DeviceProperties))


class DeviceInterface(ctypes.Structure):
    """`ggml_backend_device_i`; those of another device are borrowed as pointers."""

    _fields_ = (
        ("get_name", NameOf),
        ("get_description", NameOf),
        ("get_memory", MemoryOf),
        ("get_type", TypeOf),
        ("get_props", PropertiesOf),
        ("init_backend", InitBackend),
        ("get_buffer_type", c_void_p),
        ("get_host_buffer_type", c_void_p),
        ("buffer_from_host_ptr", c_void_p),
        ("supports_op", c_void_p),
        ("supports_buft", c_void_p),
        ("offload_op", c_void_p),
        ("events", c_void_p * 3),
    )


class Device(ctypes.Structure):
    """`ggml_backend_device`."""

    _fields_ = (
        ("interface", DeviceInterface),
        ("registry", c_void_p),
        ("context", c_void_p),
    )


class RegistryInterface(ctypes.Structure):
    """`ggml_backend_reg_i`."""

    _fields_ = (
        ("get_name", NameOf),
        ("get_device_count", DeviceCount),
        ("get_device", DeviceAt),
        ("get_proc_address", AddressOf),
    )


class Registry(ctypes.Structure):
    """`ggml_backend_reg`: what names the devices of one kind."""

    _fields_ = (
        ("api_version", c_int),
        ("interface", RegistryInterface),
        ("context", c_void_p),
    )
