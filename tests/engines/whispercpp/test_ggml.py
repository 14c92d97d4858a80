"""The functions of ggml that a device in Python needs."""

import ctypes

import pytest

from whispercpp_ws.engines.whispercpp.devices import DeviceType
from whispercpp_ws.engines.whispercpp.ggml import Ggml
from whispercpp_ws.engines.whispercpp.ggml_structs import F16, F32, Device, Tensor


I32 = 26


@pytest.fixture
def ggml() -> Ggml:
    return Ggml()


def answering(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch, name: str, answer: object
) -> None:
    """Let one function answer something else."""
    monkeypatch.setitem(ggml._c, name, lambda *_: answer)


def test_the_wheels_ggml_is_the_one_whose_structs_are_declared(ggml: Ggml) -> None:
    assert ggml.differs() is None


@pytest.mark.parametrize(
    ("function", "answer", "said"),
    [
        ("ggml_version", b"0.14.0", "ggml is 0.14.0, not 0.13.1"),
        ("ggml_tensor_overhead", 400, "a tensor has 368 bytes, not 336"),
        ("ggml_op_name", b"SCALE", "operation 29 is not MUL_MAT"),
    ],
)
def test_another_ggml_is_told(
    ggml: Ggml,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    answer: object,
    said: str,
) -> None:
    answering(ggml, monkeypatch, function, answer)
    assert ggml.differs() == said


def test_the_processors_device_says_that_it_is_one(ggml: Ggml) -> None:
    processor = ggml.processor()
    kind = processor.interface.get_type(ctypes.addressof(processor))
    assert kind == DeviceType.CPU
    assert isinstance(processor, Device)


def test_types_tell_how_they_lie_in_memory(ggml: Ggml) -> None:
    blocks, half = ggml.type(8), ggml.type(F16)
    assert blocks is not None
    assert half is not None
    assert (blocks.type_name, blocks.block_elements, blocks.block_bytes) == (
        b"q8_0",
        32,
        34,
    )
    assert (half.block_elements, half.block_bytes) == (1, 2)
    assert ggml.type(F32) is not None
    assert ggml.type(I32) is None
    assert ggml.type(I32) is None


@pytest.mark.parametrize(("buffer", "expected"), [(None, True), (7, False)])
def test_weights_that_ggml_rearranged_are_not_plain(
    ggml: Ggml, monkeypatch: pytest.MonkeyPatch, buffer: int | None, *, expected: bool
) -> None:
    answering(ggml, monkeypatch, "ggml_backend_buffer_is_host", answer=False)
    assert ggml.is_plain(Tensor(buffer=buffer)) is expected


def test_the_function_that_says_no_says_no(ggml: Ggml) -> None:
    no = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)(ggml.no)
    assert not no(1, 2)
