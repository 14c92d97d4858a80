"""The table of clients has only what was tried."""

import pytest

from tests.e2e.compatibility import Recorder


KEY = ("Vosk", "curl", "a feature")


def recorded(*phases: tuple[str, str]) -> dict[tuple[str, str, str], bool]:
    recorder = Recorder()
    for when, outcome in phases:
        recorder.note(KEY, when, outcome)
    return recorder.works


@pytest.mark.parametrize(
    ("phases", "works"),
    [
        ([("setup", "passed"), ("call", "passed"), ("teardown", "passed")], True),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "passed")], False),
        ([("setup", "failed"), ("teardown", "passed")], False),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], False),
        ([("call", "failed"), ("call", "passed")], False),
    ],
)
def test_a_feature_works_if_all_that_proves_it_passed(
    phases: list[tuple[str, str]], works: bool
) -> None:
    assert recorded(*phases) == {KEY: works}


@pytest.mark.parametrize(
    "phases",
    [
        [("setup", "skipped"), ("teardown", "passed")],
        [("setup", "passed"), ("call", "skipped"), ("teardown", "passed")],
        [("call", "passed"), ("setup", "skipped"), ("teardown", "passed")],
    ],
)
def test_a_skipped_test_leaves_its_feature_untried(
    phases: list[tuple[str, str]],
) -> None:
    assert recorded(*phases) == {}
