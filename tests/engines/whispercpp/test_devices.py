import pytest

from whispercpp_ws.engines.whispercpp import devices as library_devices
from whispercpp_ws.engines.whispercpp.devices import (
    Device,
    DeviceType,
    devices,
    gpu_name,
    only_processors,
)


def have(monkeypatch: pytest.MonkeyPatch, *types: DeviceType) -> None:
    """Pretend that the library can compute on these, named by their places."""
    found = [Device(one, f"device {place}") for place, one in enumerate(types)]
    monkeypatch.setattr(library_devices, "devices", lambda: iter(found))


def test_the_processor_is_among_the_devices_and_has_a_name() -> None:
    assert [one for one in devices() if one.type is DeviceType.CPU and one.name]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([DeviceType.CPU], True),
        ([DeviceType.CPU, DeviceType.GPU], False),
        ([DeviceType.CPU, DeviceType.IGPU], False),
        ([DeviceType.CPU, DeviceType.ACCELERATOR], False),
    ],
)
def test_a_model_may_be_elsewhere_where_there_is_another_device(
    monkeypatch: pytest.MonkeyPatch, types: list[DeviceType], *, expected: bool
) -> None:
    have(monkeypatch, *types)
    assert only_processors() is expected


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([DeviceType.CPU], None),
        ([DeviceType.ACCELERATOR, DeviceType.CPU], None),
        ([DeviceType.GPU, DeviceType.GPU, DeviceType.CPU], "device 0"),
        ([DeviceType.CPU, DeviceType.IGPU], "device 1"),
    ],
)
def test_the_first_gpu_gets_the_models(
    monkeypatch: pytest.MonkeyPatch, types: list[DeviceType], expected: str | None
) -> None:
    have(monkeypatch, *types)
    assert gpu_name() == expected
