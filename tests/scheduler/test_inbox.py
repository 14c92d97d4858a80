import os
import socket

import pytest

from tests.scheduler.letters import decode, with_inbox
from whispercpp_ws.errors import EngineError
from whispercpp_ws.scheduler.inbox import Inbox
from whispercpp_ws.scheduler.wire import Ping, Pong, Refused, encode


def test_messages_are_read_until_the_other_end_closes() -> None:
    assert with_inbox(list, Ping(), Refused(1, "a", "b")) == [
        Ping(),
        Refused(1, "a", "b"),
    ]


def test_the_first_message_is_taken_alone() -> None:
    def first_and_rest(inbox: Inbox) -> tuple[object, object]:
        return inbox.first(), inbox.unread()

    assert with_inbox(first_and_rest, Ping(), Pong(), Pong()) == (
        Ping(),
        [Pong(), Pong()],
    )


def test_an_inbox_that_is_over_has_no_first_message() -> None:
    assert with_inbox(Inbox.first) is None


def test_what_has_come_in_part_is_no_message_yet() -> None:
    readable, writable = os.pipe()
    inbox = Inbox(readable)
    frame = encode(Ping())
    os.write(writable, frame[:5])
    assert inbox.receive() == []
    os.write(writable, frame[5:])
    assert inbox.receive() == [Ping()]
    assert not inbox.is_over
    os.close(writable)
    assert inbox.receive() == []
    assert inbox.is_over
    os.close(readable)


def test_an_end_that_had_not_read_everything_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(encode(decode(1)))
    theirs.close()
    inbox = Inbox(ours.fileno())
    assert list(inbox) == []
    ours.close()


def test_an_inbox_says_that_its_stream_is_corrupted() -> None:
    readable, writable = os.pipe()
    os.write(writable, b"\xff" * 16)
    with pytest.raises(EngineError, match="expected at most"):
        Inbox(readable).receive()
    os.close(readable)
    os.close(writable)
