"""SubRip and WebVTT of finals."""

from whispercpp_ws.events import Final
from whispercpp_ws.protocols.captions import escaped, one_line, srt, vtt


FINALS = [Final(1, "One.", 0.0, 1.5, "en", 1.0), Final(2, "Two.", 2.0, 2.0, "en", 1.0)]


def test_subrip_numbers_its_cues_from_the_first_that_is_asked_for() -> None:
    assert srt(FINALS, lambda final: final.text, first=7) == (
        "7\n00:00:00,000 --> 00:00:01,500\nOne.\n\n"
        "8\n00:00:02,000 --> 00:00:02,001\nTwo.\n\n"
    )


def test_webvtt_has_a_header_and_no_numbers() -> None:
    assert vtt(FINALS[:1], lambda final: final.text.upper()) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nONE.\n\n"
    )


def test_a_text_cannot_end_or_mark_up_its_cue() -> None:
    assert one_line("a\n\nb") == "a b"
    assert escaped("<a> & b") == "&lt;a&gt; &amp; b"
