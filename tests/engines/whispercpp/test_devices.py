import pytest

from whispercpp_ws.engines.whispercpp import devices
from whispercpp_ws.engines.whispercpp.devices import (
    DeviceType,
    device_types,
    only_processors,
)


def test_the_processor_is_among_the_devices() -> None:
    assert DeviceType.CPU in set(device_types())


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
    monkeypatch.setattr(devices, "device_types", lambda: iter(types))
    assert only_processors() is expected
