"""Which of a connection's time limits is reached; monotonic times are passed in."""

from whispercpp_ws.config import LimitConfig
from whispercpp_ws.errors import (
    AudioTooFast,
    Overloaded,
    SessionIdle,
    SessionTooLong,
    SpeechError,
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
        self._ahead_s = 0.0
        """By how much more audio than time had passed when the pause began."""
        self._expires_s: float | None = None
        self._warned_s: float | None = None
        self._is_asked = False
        """Whether a pong was asked for since the last audio."""
        self._is_there = False
        """Whether the peer gave a sign of life since then."""

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
        self._is_asked = self._is_there = False

    def note_asked(self) -> None:
        """Note that the peer was asked for a pong."""
        self._is_asked = True

    def note_sign(self) -> None:
        """Note a sign of life that is no audio; one nobody asked for tells nothing."""
        self._is_there = self._is_asked

    def note_pause(self, *, now_s: float, received_s: float) -> None:
        """Note that the session takes no more audio until decodes are done."""
        self._paused_s = now_s
        self._ahead_s = received_s - (now_s - (self._started_s or now_s))

    def is_warning_due(self, now_s: float) -> bool:
        """Tell whether a pause is news: a fast upload pauses every second."""
        is_due = self._warned_s is None or now_s - self._warned_s >= WARN_EVERY_S
        if is_due:
            self._warned_s = now_s
        return is_due

    def note_resume(self, *, now_s: float) -> None:
        """Note that it does again; the time in between was not the peer's silence."""
        self._paused_s = None
        self._frame_s = now_s
        self.note_audio(now_s=now_s)

    def is_sign_wanted(self, now_s: float) -> bool:
        """Tell whether to ask the peer for a pong: it may be quiet, or cut off."""
        asks_s = ASK_SHARE * self._limits.quiet_flush_s
        is_late = now_s - self._audio_s >= asks_s
        return is_late and self._paused_s is None and not self._is_asked

    def is_quiet(self, now_s: float) -> bool:
        """
        Tell whether no audio has come for so long that the utterance is over.

        Of a peer that is cut off in the middle of a word the rest may come yet, over
        another connection: without a sign of life it takes longer.
        """
        flush_s = self._limits.quiet_flush_s
        if not self._is_there:
            flush_s *= UNANSWERED_FACTOR
        return self._paused_s is None and now_s - self._audio_s >= flush_s

    def broken(self, now_s: float) -> SpeechError | None:
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
            self._flush_wait_s(now_s),
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

    def _flush_wait_s(self, now_s: float) -> float:
        flush_s = self._limits.quiet_flush_s
        asks_s = ASK_SHARE * flush_s
        if not self._is_asked:
            return _left(self._audio_s + asks_s, now_s, asks_s)
        # A pong may come at any time.
        return _left(self._audio_s + flush_s, now_s, flush_s - asks_s)

    def _broken_start(self, now_s: float) -> SpeechError | None:
        if now_s - self._opened_s < self._limits.start_timeout_s:
            return None
        return SessionIdle(
            f"expected `start` within {self._limits.start_timeout_s:g} s, got nothing"
        )

    def _broken_flow(self, now_s: float) -> SpeechError | None:
        limits = self._limits
        if self._paused_s is not None:
            # A live peer's audio waits unheard for as long as the pause lasts.
            stuck = now_s - self._paused_s >= limits.max_backlog_s
            return self._stuck() if stuck else None
        if now_s - self._frame_s < limits.idle_timeout_s:
            return None
        return SessionIdle(
            f"expected a frame within {limits.idle_timeout_s:g} s, got nothing; "
            "send `end` when there is no more audio"
        )

    def _stuck(self) -> SpeechError:
        """Tell whose fault it is that decodes do not keep up."""
        limits = self._limits
        if self._ahead_s < limits.pause_backlog_s / 2:
            return Overloaded(
                f"audio came as it was spoken, and for {limits.max_backlog_s:g} s no "
                "decode was done; try again later"
            )
        return AudioTooFast(
            "expected audio no faster than it can be decoded, got "
            f"{limits.max_backlog_s:g} s more; send slower, or use a smaller model"
        )


WARN_EVERY_S = 30.0
ASK_SHARE = 2 / 3
"""Of the time without audio that ends an utterance, after which a pong is asked for."""
UNANSWERED_FACTOR = 4
"""By which that time is longer where no pong comes: 6 s, in which clients come back
after a loss, and a while for one that answers pings between other things."""
MIN_WAIT_S = 0.01
"""Keeps rounding of a timer from turning a wait into a busy loop."""


def _left(deadline_s: float, now_s: float, whole_s: float) -> float:
    """Return the time to a deadline, or its whole span where it is reached already."""
    return deadline_s - now_s if deadline_s > now_s else whole_s


def backlog_warning(limits: LimitConfig) -> Warned:
    """Return what a peer is told whose audio waits for decodes."""
    return Warned(
        "backlog",
        f"more than {limits.pause_backlog_s:g} s of audio wait to be decoded; "
        "the server reads on when it has caught up",
    )
