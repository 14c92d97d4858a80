import pytest

from whispercpp_ws.closing import Closing


class Door(Closing):
    is_open = True

    def close(self) -> None:
        self.is_open = False


def test_it_is_open_within_the_block_and_closed_after_it() -> None:
    with Door() as door:
        assert door.is_open
    assert not door.is_open


def test_an_error_closes_it_and_goes_on() -> None:
    door = Door()
    with pytest.raises(ValueError, match="slammed"), door:
        raise ValueError("slammed")
    assert not door.is_open
