"""Which of a connection's time limits is reached; monotonic times are passed in."""

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import (
    AudioTooFast,
    PeerError,
    SessionIdle,
    SessionTooLong,
    Unauthorized,
)
from whispercpp_ws.events import Warned


class Deadlines:
    """The time limits of one connection, from the upgrade at `now_s` on."""

    def __init__(self, limits: LimitConfig, *, now_s: float) -> None:
        self._limits = limits
        self._opened_s = now_s
        self._frame_s = now_s
        self._audio_s = now_s
        self._started_s: float | None = None
        self._paused_s: float | None = None
        self._expires_s: float | None = None
        self._warned_s: float | None = None

    def note_start(self, *, now_s: float, expires_s: float | None) -> None:
        """Note a `start` and when its token expires, if it has one."""
        self._started_s = now_s
        self._expires_s = expires_s

    def note_frame(self, *, now_s: float) -> None:
        """Note any frame of the peer."""
        self._frame_s = now_s

    def note_audio(self, *, now_s: float) -> None:
        """Note audio of the peer."""
        self._audio_s = now_s

    def note_pause(self, *, now_s: float) -> None:
        """Note that the session takes no audio until decodes are done."""
        self._paused_s = now_s

    def is_warning_due(self, now_s: float) -> bool:
        """Tell whether a pause is news: a fast upload pauses every second."""
        is_due = self._warned_s is None or now_s - self._warned_s >= WARN_EVERY_S
        if is_due:
            self._warned_s = now_s
        return is_due

    def note_resume(self, *, now_s: float) -> None:
        """Note that it does again; the time in between was not the peer's silence."""
        self._paused_s = None
        self._frame_s = self._audio_s = now_s

    def is_quiet(self, now_s: float) -> bool:
        """Tell whether no audio has come for so long that the utterance is over."""
        quiet_s = now_s - self._audio_s
        return self._paused_s is None and quiet_s >= self._limits.quiet_flush_s

    def broken(self, now_s: float) -> PeerError | None:
        """Return the error of the first limit that is broken, if one is."""
        if self._started_s is None:
            return self._broken_start(now_s)
        if self._expires_s is not None and now_s >= self._expires_s:
            return Unauthorized("the token has expired; connect with a new one")
        if now_s - self._started_s >= self._limits.max_session_s:
            return SessionTooLong(
                f"expected a session of at most {self._limits.max_session_s} s; "
                "connect again to go on"
            )
        return self._broken_flow(now_s)

    def wait_s(self, now_s: float) -> float:
        """
        Return how long to wait before asking again.

        No limit is shorter than that: whatever the peer does meanwhile, the earliest
        deadline it can cause lies later.
        """
        limits = self._limits
        waits = [
            _left(self._frame_s + limits.idle_timeout_s, now_s, limits.idle_timeout_s),
            _left(self._audio_s + limits.quiet_flush_s, now_s, limits.quiet_flush_s),
        ]
        if self._started_s is None:
            waits.append(self._opened_s + limits.start_timeout_s - now_s)
            waits.append(limits.max_session_s)
        else:
            waits.append(self._started_s + limits.max_session_s - now_s)
        if self._expires_s is not None:
            waits.append(self._expires_s - now_s)
        paused_s = now_s if self._paused_s is None else self._paused_s
        waits.append(paused_s + limits.max_backlog_s - now_s)
        return max(min(waits), MIN_WAIT_S)

    def _broken_start(self, now_s: float) -> PeerError | None:
        if now_s - self._opened_s < self._limits.start_timeout_s:
            return None
        return SessionIdle(
            f"expected `start` within {self._limits.start_timeout_s:g} s, got nothing"
        )

    def _broken_flow(self, now_s: float) -> PeerError | None:
        limits = self._limits
        if self._paused_s is not None:
            # A live peer's audio waits unheard for as long as the pause lasts.
            stuck = now_s - self._paused_s >= limits.max_backlog_s
            return _too_fast(limits) if stuck else None
        if now_s - self._frame_s < limits.idle_timeout_s:
            return None
        return SessionIdle(
            f"expected a frame within {limits.idle_timeout_s:g} s, got nothing; "
            "send `end` when there is no more audio"
        )


WARN_EVERY_S = 30.0
MIN_WAIT_S = 0.01
"""Keeps rounding of a timer from turning a wait into a busy loop."""


def _left(deadline_s: float, now_s: float, whole_s: float) -> float:
    """Return the time to a deadline, or its whole span where it is reached already."""
    return deadline_s - now_s if deadline_s > now_s else whole_s


def _too_fast(limits: LimitConfig) -> AudioTooFast:
    return AudioTooFast(
        f"expected audio no faster than it can be decoded, got {limits.max_backlog_s:g}"
        " s more; send slower, or use a smaller model"
    )


def backlog_warning(limits: LimitConfig) -> Warned:
    """Return what a peer is told whose audio waits for decodes."""
    return Warned(
        "backlog",
        f"more than {limits.pause_backlog_s:g} s of audio wait to be decoded; "
        "the server reads on when it has caught up",
    )
