"""WhisperLiveKit's messages, whole and as differences."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import refusals, replayed, steps_of, transcripts
from whispercpp_ws.errors import BadMessage, PeerError, Unauthorized
from whispercpp_ws.events import Failed, Final, Partial, SessionOptions
from whispercpp_ws.protocols import whisperlivekit
from whispercpp_ws.protocols.whisperlivekit import WhisperLiveKitDialect, open_dialect


DEFAULTS = SessionOptions()


def final(number: int) -> Final:
    return Final(number, f"Line {number}.", number, number + 1, "en", 0.9)


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("whisperlivekit")
    assert len(paths) >= 3
    for path in paths:
        mode = "diff" if path.stem.endswith("-diff") else "full"
        dialect = open_dialect({"language": "en", "mode": mode}, DEFAULTS)
        assert replayed(dialect, steps_of(path)) == steps_of(path)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"mode": "some"}, "mode"),
        ({"target_language": "fr"}, "target_language"),
        ({"language": "klingon"}, "lang"),
    ],
)
def test_a_wrong_query_names_the_parameter(query: dict[str, str], name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        open_dialect(query, DEFAULTS)
    assert caught.value.field == name


def test_without_a_language_it_is_the_servers() -> None:
    assert open_dialect({}, SessionOptions(language="de")).options.language == "de"


def test_a_wav_of_another_format_is_refused() -> None:
    wav = bytes.fromhex(
        "524946462408000057415645666d7420100000000100010080bb0000007701000200100064617461"
        "00080000"
    )
    with pytest.raises(BadMessage):
        WhisperLiveKitDialect().receive_binary(wav)


def test_text_frames_are_refused() -> None:
    with pytest.raises(PeerError):
        WhisperLiveKitDialect().receive_text("{}")


def test_a_wrong_token_closes_with_4401() -> None:
    assert WhisperLiveKitDialect().closing(Unauthorized("no")).code == 4401


def test_a_failure_is_told() -> None:
    (text,) = WhisperLiveKitDialect().send_event(Failed(BadMessage("no")))
    assert json.loads(text) == {"type": "error", "error": "no"}


@given(st.lists(st.booleans(), max_size=20))
def test_differences_put_together_are_the_whole(kinds: list[bool]) -> None:
    diff, full = open_dialect({"mode": "diff"}, DEFAULTS), WhisperLiveKitDialect()
    limit, whisperlivekit.MAX_LINES = whisperlivekit.MAX_LINES, 4
    lines: list[Any] = []
    try:
        for number, is_final in enumerate(kinds):
            event = final(number) if is_final else Partial(number, "x", "", 0, 1)
            (whole,) = map(json.loads, full.send_event(event))
            (part,) = map(json.loads, diff.send_event(event))
            lines = lines[part.get("lines_pruned", 0) :]
            lines += part.get("lines", []) + part.get("new_lines", [])
            assert lines == whole["lines"]
            assert part.get("n_lines", len(lines)) == len(lines)
    finally:
        whisperlivekit.MAX_LINES = limit


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_frames_are_taken_or_the_peers_error(frames: list[bytes]) -> None:
    dialect = WhisperLiveKitDialect()
    for error in refusals(dialect, frames):
        assert dialect.send_event(Failed(error))
