import pytest

from whispercpp_ws.errors import (
    BadStart,
    EngineCrashed,
    SpeechError,
    UnknownModel,
    error_from_code,
)


def descendants(cls: type[SpeechError]) -> list[type[SpeechError]]:
    children = cls.__subclasses__()
    return [cls, *(found for child in children for found in descendants(child))]


def test_an_error_is_rebuilt_from_its_code() -> None:
    error = error_from_code("engine_crashed", "gone")
    assert (type(error), str(error)) == (EngineCrashed, "gone")


def test_an_unknown_code_is_a_plain_error() -> None:
    assert type(error_from_code("martian", "gone")) is SpeechError


def test_an_expected_field_is_named_and_what_came_is_cut_short() -> None:
    error = BadStart.expected("rate", "a whole number", "x" * 1000)
    assert error.field == "rate"
    assert str(error).startswith("rate: expected a whole number, got 'xxx")
    assert len(str(error)) < 120


def test_a_subclass_keeps_its_type() -> None:
    assert isinstance(UnknownModel.expected("model", "base", "x"), UnknownModel)


@pytest.mark.parametrize("cls", descendants(SpeechError))
def test_every_error_has_a_code_of_its_own_and_a_legal_close(
    cls: type[SpeechError],
) -> None:
    codes = [other.code for other in descendants(SpeechError)]
    assert codes.count(cls.code) == 1
    assert cls.close_code in {1001, 1008, 1009, 1011, 1013} | set(range(4400, 4430))
