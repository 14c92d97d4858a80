"""Captions are written to the letter of their formats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.cli.captions import (
    WRITERS,
    FileTranscript,
    to_json,
    to_srt,
    to_txt,
    to_vtt,
)
from whispercpp_ws.transcript import Segment, Word


WORDS = (Word("Ask", 0.0, 0.4, 0.98765), Word("not.", 0.4, 1.0, 0.5))


def transcript(*segments: Segment) -> FileTranscript:
    return FileTranscript("a.wav", "base-q8_0", "en", 3725.0, segments)


TWO = transcript(
    Segment("Ask not.", 0.0, 1.0, WORDS), Segment("R&D <now>", 3723.0004, 3725.0)
)


def test_srt_numbers_cues_and_puts_a_comma_before_milliseconds() -> None:
    assert to_srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:01,000\nAsk not.\n"
        "\n"
        "2\n01:02:03,000 --> 01:02:05,000\nR&D <now>\n"
    )


def test_vtt_has_a_header_points_and_escaped_text() -> None:
    assert to_vtt(TWO) == (
        "WEBVTT\n"
        "\n"
        "00:00:00.000 --> 00:00:01.000\nAsk not.\n"
        "\n"
        "01:02:03.000 --> 01:02:05.000\nR&amp;D &lt;now&gt;\n"
    )


def test_txt_is_one_line_for_each_segment() -> None:
    assert to_txt(TWO) == "Ask not.\nR&D <now>\n"


def test_json_is_one_object_on_one_line() -> None:
    text = to_json(TWO)
    assert text.count("\n") == 1
    value = json.loads(text)
    assert value["text"] == "Ask not. R&D <now>"
    assert value["segments"][0]["words"] == [
        {"word": "Ask", "start": 0.0, "end": 0.4, "conf": 0.988},
        {"word": "not.", "start": 0.4, "end": 1.0, "conf": 0.5},
    ]
    assert value["segments"][1]["words"] == []
    assert [value[k] for k in ("file", "model", "lang", "seconds")] == [
        "a.wav",
        "base-q8_0",
        "en",
        3725.0,
    ]


def test_json_keeps_letters_of_every_script() -> None:
    assert "Привет" in to_json(transcript(Segment("Привет", 0.0, 1.0)))


def test_json_joins_scripts_without_spaces_without_them() -> None:
    value = json.loads(
        to_json(transcript(Segment("你好", 0.0, 1.0), Segment("世界", 1.0, 2.0)))
    )
    assert value["text"] == "你好世界"


def test_no_speech_is_an_empty_transcript() -> None:
    empty = transcript()
    assert (to_txt(empty), to_srt(empty)) == ("", "")
    assert to_vtt(empty) == "WEBVTT\n"
    assert json.loads(to_json(empty))["text"] == ""


def test_an_empty_span_lasts_one_millisecond() -> None:
    cue = to_srt(transcript(Segment("x", 2.0, 2.0)))
    assert "00:00:02,000 --> 00:00:02,001" in cue


def test_a_start_before_zero_is_zero() -> None:
    assert "00:00:00,000 --> 00:00:01,000" in to_srt(
        transcript(Segment("x", -0.01, 1.0))
    )


@pytest.mark.parametrize("form", ["srt", "vtt"])
@given(text=st.text(max_size=40))
def test_no_text_can_end_its_cue_early(form: str, text: str) -> None:
    cue = WRITERS[form](transcript(Segment(text, 0.0, 1.0)))
    lines = cue.split("\n")
    assert len(lines) == (4 if form == "srt" else 5)


@given(start_ms=st.integers(0, 400_000_000))
def test_a_stamp_says_the_same_time(start_ms: int) -> None:
    segment = Segment("x", start_ms / 1000, start_ms / 1000 + 1)
    stamp = to_srt(transcript(segment)).split("\n")[1].split(" ")[0]
    hours, minutes, seconds = stamp.replace(",", "").split(":")
    assert int(hours) * 3_600_000 + int(minutes) * 60_000 + int(seconds) == start_ms
