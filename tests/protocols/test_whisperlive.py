"""WhisperLive's options, audio and segments."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import refusals, replayed, steps_of, transcripts
from whispercpp_ws.errors import BadMessage, Draining, SessionTooLong
from whispercpp_ws.events import (
    AudioFormat,
    Encoding,
    Failed,
    Final,
    Partial,
    Ready,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.whisperlive import WhisperLiveDialect, refusal


OPTIONS = '{"uid":"u1","language":"en"}'


def opened(options: str = OPTIONS, **defaults: Any) -> WhisperLiveDialect:
    dialect = WhisperLiveDialect(SessionOptions(**defaults))
    dialect.receive_text(options)
    return dialect


def sent(dialect: WhisperLiveDialect, event: Any) -> list[Any]:
    return [json.loads(text) for text in dialect.send_event(event)]


def test_golden_transcripts_come_out_again() -> None:
    paths = transcripts("whisperlive")
    assert len(paths) >= 5
    for path in paths:
        assert replayed(WhisperLiveDialect(), steps_of(path)) == steps_of(path)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ('{"language":"en"}', "uid"),
        ('{"uid":7}', "uid"),
        ('{"uid":"u","language":"klingon"}', "lang"),
        ('{"uid":"u","task":"sing"}', "task"),
        ('{"uid":"u","audio_format":"opus"}', "audio_format"),
        ('{"uid":"u","send_last_n_segments":-1}', "send_last_n_segments"),
        ('{"uid":"u","word_timestamps":1}', "word_timestamps"),
        ('{"uid":"u","hotwords":[]}', "hotwords"),
    ],
)
def test_a_wrong_option_is_named(options: str, name: str) -> None:
    with pytest.raises(BadMessage) as caught:
        WhisperLiveDialect().receive_text(options)
    assert caught.value.field == name


def test_unsigned_bytes_become_samples() -> None:
    dialect = opened('{"uid":"u1","audio_format":"uint8"}')
    assert dialect.receive_binary(b"\x80\xff\x00") == [b"\0\0\0\x7f\0\x80"]


def test_a_language_that_the_server_has_is_told_when_none_was_asked_for() -> None:
    dialect = opened('{"uid":"u1","language":null}', language="de")
    ready, language = sent(dialect, Ready("s", "base", "de"))
    assert ready["message"] == "SERVER_READY"
    assert language == {"uid": "u1", "language": "de", "language_prob": 1.0}


def test_a_connection_that_is_too_old_is_disconnected_as_the_client_expects() -> None:
    dialect, error = opened(), SessionTooLong("too long")
    assert sent(dialect, Failed(error)) == [{"uid": "u1", "message": "DISCONNECT"}]
    assert dialect.closing(error).code == 1000


def test_a_client_that_may_come_again_is_not_told_of_an_error() -> None:
    (message,) = sent(opened(), Failed(Draining("later")))
    assert message == {"uid": "u1", "status": "WARNING", "message": "later"}


def test_a_refusal_says_for_how_many_minutes_to_wait() -> None:
    told = {"uid": "u1", "status": "WAIT", "message": 0.5}
    assert json.loads(refusal(OPTIONS, 30)) == told
    with pytest.raises(BadMessage):
        refusal("{}", 30)


def test_an_empty_partial_opens_no_segment() -> None:
    assert sent(opened(), Partial(1, "", "", 0, 1)) == []


def test_an_empty_final_that_nobody_saw_open_is_not_told() -> None:
    assert sent(opened(), Final(1, "", 0, 1, "en", 0.1)) == []


def kept_by_the_client(frames: list[Any]) -> list[str]:
    """Keep completed segments as the Python client does, for its SRT."""
    kept: list[Any] = []
    last_open: Any = None
    for segments in (frame["segments"] for frame in frames if "segments" in frame):
        for i, segment in enumerate(segments):
            if i == len(segments) - 1 and not segment["completed"]:
                last_open = segment
            elif segment["completed"] and (
                not kept or float(segment["start"]) >= float(kept[-1]["end"])
            ):
                kept.append(segment)
    if last_open and (not kept or kept[-1]["text"] != last_open["text"]):
        kept.append(last_open)
    return [segment["text"].strip() for segment in kept]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=20))
def test_the_python_client_keeps_every_final_once(
    steps: list[tuple[bool, int]],
) -> None:
    dialect, frames, finals, end_s = opened(), list[Any](), list[str](), 0.0
    for number, (has_partial, length) in enumerate(steps, 1):
        # Starts before the end of the one before, as words with overlaps do.
        start_s, end_s = max(0.0, end_s - 0.2), end_s + 0.1 + length
        text = f"Line {number}."
        if has_partial:
            frames += sent(dialect, Partial(number, "lin", "", start_s, end_s))
        frames += sent(dialect, Final(number, text, start_s, end_s, "en", 0.9))
        finals.append(text)
    assert kept_by_the_client(frames) == finals


@given(st.lists(st.text(max_size=20) | st.binary(max_size=20), max_size=8))
def test_any_frames_are_taken_or_the_peers_error(frames: list[str | bytes]) -> None:
    dialect = WhisperLiveDialect()
    for error in refusals(dialect, [OPTIONS, *frames] if len(frames) % 2 else frames):
        assert dialect.send_event(Failed(error))


def test_audio_is_float32_unless_said_otherwise() -> None:
    (_, start) = WhisperLiveDialect().receive_text(OPTIONS)
    assert isinstance(start, Start)
    assert start.options.audio == AudioFormat(Encoding.F32LE)
