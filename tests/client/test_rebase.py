"""What is said of a session that goes on is told as if it were one."""

from dataclasses import replace

import pytest

from whispercpp_ws.client.rebase import Base, Message, Standing
from whispercpp_ws.events import (
    Acknowledged,
    Ended,
    Event,
    Final,
    Flush,
    Hold,
    Partial,
    Ready,
    Reconfigure,
    SpeechEnded,
    SpeechStarted,
    Warned,
)
from whispercpp_ws.protocols import native
from whispercpp_ws.transcript import Word


BASE = Base(offset_s=10.0, utterances=3, finals=2)
WORD = Word("ask", 1.0, 1.5, 0.9)
FINAL = Final(1, "ask", 1.0, 1.5, "en", 0.9, (WORD,))


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Ready("s", "base", "en", 0.5), Ready("s", "base", "en", 10.5)),
        (SpeechStarted(1.0), SpeechStarted(11.0)),
        (SpeechEnded(1.0), SpeechEnded(11.0)),
        (Acknowledged(1.0), Acknowledged(11.0)),
        (Partial(1, "ask", "", 1.0, 1.5), Partial(4, "ask", "", 11.0, 11.5)),
        (FINAL, Final(4, "ask", 11.0, 11.5, "en", 0.9, (WORD.shifted(10.0),))),
        (replace(FINAL, words=None), Final(4, "ask", 11.0, 11.5, "en", 0.9)),
        (Ended(2.0, 1), Ended(12.0, 3)),
        (Warned("overload", "busy", 1500), Warned("overload", "busy", 1500)),
    ],
)
def test_times_and_numbers_go_on(event: Event, told: Event) -> None:
    text = native.encode_event(event)
    message = BASE.told(Message(native.decode_event(text), text))
    assert message == Message(told, native.encode_event(told))


def test_how_late_a_text_is_stays_what_the_server_said() -> None:
    text = native.encode_event(FINAL, lag_ms=310)
    assert '"lag_ms": 310' in BASE.told(Message(FINAL, text)).text


def test_a_session_that_begins_at_the_start_is_told_as_it_is() -> None:
    message = Message(FINAL, "the frame as it came")
    assert Base().told(message) is message


def test_what_was_set_and_held_before_stays_in_force() -> None:
    standing = Standing()
    assert standing.commands == []
    for command in (
        *(Reconfigure(language="de"), Hold()),
        *(Reconfigure(words=False), Reconfigure(language="fr")),
    ):
        standing.note(command)
    assert standing.commands == [Reconfigure(language="fr", words=False), Hold()]
    standing.note(Flush())
    assert standing.commands == [Reconfigure(language="fr", words=False)]
