"""The time limits of a connection, on a clock that the tests move."""

from typing import Any

import pytest

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.server.deadlines import Deadlines


def opened() -> Deadlines:
    return Deadlines(LimitConfig(), now_s=100.0)


def started(**fields: Any) -> Deadlines:
    deadlines = opened()
    deadlines.note_start(now_s=100.0, expires_s=fields.get("expires_s"))
    return deadlines


def is_quiet_and_there(deadlines: Deadlines, now_s: float) -> bool:
    deadlines.note_asked()
    deadlines.note_sign()
    return deadlines.is_quiet(now_s)


def code(deadlines: Deadlines, now_s: float) -> str | None:
    error = deadlines.broken(now_s)
    return error.code if error else None


def test_start_has_ten_seconds() -> None:
    assert code(opened(), 109.9) is None
    assert code(opened(), 110.0) == "idle"


def test_a_silent_peer_has_a_minute() -> None:
    deadlines = started()
    assert code(deadlines, 159.9) is None
    assert code(deadlines, 160.0) == "idle"
    deadlines.note_frame(now_s=159.0)
    assert code(deadlines, 160.0) is None


def test_a_session_has_four_hours() -> None:
    deadlines = started()
    end_s = 100.0 + 4 * 3600
    deadlines.note_frame(now_s=end_s)
    assert code(deadlines, end_s - 0.1) is None
    assert code(deadlines, end_s) == "session_too_long"


def test_a_token_ends_its_session() -> None:
    deadlines = started(expires_s=130.0)
    assert code(deadlines, 129.9) is None
    assert code(deadlines, 130.0) == "unauthorized"


def test_a_pause_is_not_the_peers_silence() -> None:
    deadlines = started()
    deadlines.note_pause(now_s=101.0, received_s=1.0)
    assert not deadlines.is_quiet(120.0)
    deadlines.note_resume(now_s=120.0)
    assert not is_quiet_and_there(deadlines, 121.4)
    assert is_quiet_and_there(deadlines, 121.5)
    assert code(deadlines, 179.9) is None


@pytest.mark.parametrize(
    ("received_s", "expected"),
    [(4.0, "overloaded"), (3.4, "overloaded"), (9.0, "audio_too_fast")],
)
def test_a_pause_that_lasts_is_the_peers_fault_only_if_it_sent_too_fast(
    received_s: float, expected: str
) -> None:
    deadlines = started()
    deadlines.note_pause(now_s=104.0, received_s=received_s)
    assert code(deadlines, 133.9) is None
    assert code(deadlines, 134.0) == expected


def test_pauses_are_news_every_half_minute() -> None:
    deadlines = started()
    due = [now_s for now_s in range(100, 170) if deadlines.is_warning_due(now_s)]
    assert due == [100, 130, 160]


def test_quiet_is_without_audio_not_without_frames() -> None:
    deadlines = started()
    deadlines.note_frame(now_s=101.4)
    assert is_quiet_and_there(deadlines, 101.5)
    deadlines.note_audio(now_s=101.5)
    assert not is_quiet_and_there(deadlines, 102.0)


def test_a_peer_without_a_sign_of_life_may_be_cut_off_in_a_word() -> None:
    deadlines = started()
    assert not deadlines.is_sign_wanted(100.9)
    assert deadlines.is_sign_wanted(101.0)
    deadlines.note_asked()
    assert not deadlines.is_sign_wanted(101.1)
    assert not deadlines.is_quiet(105.9)
    assert deadlines.is_quiet(106.0)
    deadlines.note_sign()
    assert deadlines.is_quiet(101.5)


def test_a_pong_that_nobody_asked_for_says_nothing_of_a_later_silence() -> None:
    deadlines = started()
    deadlines.note_sign()
    assert not deadlines.is_quiet(102.0)


def test_while_a_pong_is_awaited_it_is_looked_for_again_and_again() -> None:
    deadlines = started()
    deadlines.note_asked()
    assert deadlines.wait_s(101.0) == pytest.approx(0.5)
    assert deadlines.wait_s(103.0) == pytest.approx(0.5)


@pytest.mark.parametrize("step_s", [0.0, 0.3, 1.0])
def test_no_limit_is_noticed_late(step_s: float) -> None:
    """Wait as told while the peer sends every `step_s`, then stops."""
    deadlines, now_s, quiet_at = started(expires_s=108.0), 100.0, 105.0 + step_s + 1.5
    while not deadlines.is_quiet(now_s):
        now_s += deadlines.wait_s(now_s)
        if now_s <= 105.0 + step_s:
            deadlines.note_audio(now_s=now_s)
            deadlines.note_frame(now_s=now_s)
        elif deadlines.is_sign_wanted(now_s):
            deadlines.note_audio(now_s=105.0 + step_s)
            deadlines.note_frame(now_s=105.0 + step_s)
            if deadlines.is_sign_wanted(now_s):
                deadlines.note_asked()
                deadlines.note_sign()
    assert now_s == pytest.approx(quiet_at, abs=0.02)
    while code(deadlines, now_s) is None:
        now_s += deadlines.wait_s(now_s)
    assert now_s == pytest.approx(108.0, abs=0.02)


def test_the_first_wait_ends_at_the_start_timeout_at_the_latest() -> None:
    deadlines, now_s = opened(), 100.0
    while code(deadlines, now_s) is None:
        now_s += deadlines.wait_s(now_s)
    assert now_s == pytest.approx(110.0, abs=0.02)
