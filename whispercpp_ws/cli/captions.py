"""Write a transcript as SubRip, WebVTT, plain text or JSON; pure functions."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whispercpp_ws.protocols.captions import escaped, one_line, span
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
    return "".join(f"{one_line(s.text)}\n" for s in transcript.segments)


def to_srt(transcript: FileTranscript) -> str:
    """Return SubRip: numbered cues, a comma before the milliseconds."""
    numbered = enumerate(transcript.segments, start=1)
    return "\n".join(srt_cue(number, segment) for number, segment in numbered)


def srt_cue(number: int, segment: Segment) -> str:
    """Return one cue of SubRip; a blank line goes between two."""
    return f"{number}\n{_span(segment, ',')}\n{one_line(segment.text)}\n"


def to_vtt(transcript: FileTranscript) -> str:
    """Return WebVTT (W3C): a header, then cues with escaped text."""
    cues = [
        f"{_span(segment, '.')}\n{escaped(one_line(segment.text))}\n"
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
        [Word(one_line(s.text), s.start_s, s.end_s, 1.0) for s in segments]
    )


def _segment(segment: Segment) -> dict[str, object]:
    return {
        "text": one_line(segment.text),
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
    return span(segment.start_s, segment.end_s, point)
