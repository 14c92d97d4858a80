"""The server's side of the native dialect, and golden transcripts of both sides."""

import json
from pathlib import Path

import pytest

from whispercpp_ws.errors import BadJson
from whispercpp_ws.events import Ended, Failed, Flush, Partial, SessionOptions, Start
from whispercpp_ws.protocols import native
from whispercpp_ws.protocols.native import NativeDialect


TRANSCRIPTS = sorted((Path(__file__).parent / "data").glob("native-*.jsonl"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_golden_transcripts_read_and_write_the_same(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        frame = json.loads(line)
        text = json.dumps(frame["json"], ensure_ascii=False)
        if frame["from"] == "client":
            command = native.decode_command(text)
            again = native.decode_command(native.encode_command(command))
            assert again == command
        else:
            message = native.decode_message(text)
            written = native.encode_event(
                message.event, lag_ms=message.lag_ms, request_id=message.request_id
            )
            assert json.loads(written) == frame["json"]


def test_there_are_golden_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 3


def test_text_is_a_command_with_the_servers_defaults() -> None:
    dialect = NativeDialect(SessionOptions(language="de"))
    inputs = dialect.receive_text('{"op":"start"}')
    assert inputs == [Start(SessionOptions(language="de"))]
    assert dialect.receive_text('{"op":"flush"}') == [Flush()]


def test_binary_is_audio() -> None:
    assert NativeDialect().receive_binary(b"\1\2\3") == [b"\1\2\3"]


def test_an_event_is_one_frame_with_its_lag() -> None:
    (frame,) = NativeDialect().send_event(Partial(1, "a b", "a", 0, 1), lag_ms=310)
    assert json.loads(frame)["lag_ms"] == 310


def test_lag_is_told_of_texts_only() -> None:
    (frame,) = NativeDialect().send_event(Ended(1.0, 2), lag_ms=310)
    assert json.loads(frame) == {"type": "end", "offset": 1.0, "finals": 2}


def test_errors_carry_the_request_id() -> None:
    dialect = NativeDialect(request_id="abc")
    (frame,) = dialect.send_event(Failed(BadJson("no")))
    assert json.loads(frame) == {
        "type": "error",
        "code": "bad_json",
        "message": "no",
        "retryable": False,
        "request_id": "abc",
    }
