"""Write a transcript as SubRip, WebVTT, plain text or JSON; pure functions."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whispercpp_ws.transcript import Segment, Word, join_words


@dataclass(frozen=True, slots=True)
class FileTranscript:
    """What one file says."""

    file: str
    model: str
    language: str
    """What was asked for: an ISO 639-1 code or "auto"."""
    seconds: float
    segments: Sequence[Segment]


def to_txt(transcript: FileTranscript) -> str:
    """Return one line for each segment."""
    return "".join(f"{_one_line(s.text)}\n" for s in transcript.segments)


def to_srt(transcript: FileTranscript) -> str:
    """Return SubRip: numbered cues, a comma before the milliseconds."""
    cues = [
        f"{number}\n{_span(segment, ',')}\n{_one_line(segment.text)}\n"
        for number, segment in enumerate(transcript.segments, start=1)
    ]
    return "\n".join(cues)


def to_vtt(transcript: FileTranscript) -> str:
    """Return WebVTT (W3C): a header, then cues with escaped text."""
    cues = [
        f"{_span(segment, '.')}\n{_escaped(_one_line(segment.text))}\n"
        for segment in transcript.segments
    ]
    return "\n".join(["WEBVTT\n", *cues])


def to_json(transcript: FileTranscript) -> str:
    """Return one JSON object on one line; times are seconds from the file's start."""
    value = {
        "file": transcript.file,
        "model": transcript.model,
        "lang": transcript.language,
        "seconds": round(transcript.seconds, 3),
        "text": _whole_text(transcript.segments),
        "segments": [_segment(s) for s in transcript.segments],
    }
    return json.dumps(value, ensure_ascii=False) + "\n"


WRITERS: dict[str, Callable[[FileTranscript], str]] = {
    "txt": to_txt,
    "srt": to_srt,
    "vtt": to_vtt,
    "json": to_json,
}


def _whole_text(segments: Sequence[Segment]) -> str:
    return join_words(
        [Word(_one_line(s.text), s.start_s, s.end_s, 1.0) for s in segments]
    )


def _segment(segment: Segment) -> dict[str, object]:
    return {
        "text": _one_line(segment.text),
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "words": [_word(word) for word in segment.words],
    }


def _word(word: Word) -> dict[str, object]:
    return {
        "word": word.text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
        "conf": round(word.confidence, 3),
    }


def _span(segment: Segment, point: str) -> str:
    start_ms = max(0, round(segment.start_s * 1000))
    # WebVTT wants the end after the start; players skip an empty SubRip cue too.
    end_ms = max(start_ms + 1, round(segment.end_s * 1000))
    return f"{_stamp(start_ms, point)} --> {_stamp(end_ms, point)}"


def _stamp(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"


def _one_line(text: str) -> str:
    """Return the text without line ends; a blank line would end the cue."""
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
