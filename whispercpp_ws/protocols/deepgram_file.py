"""Deepgram's `POST /v1/listen`: a whole file's text, with the query of the stream's."""

import json
from dataclasses import dataclass

from whispercpp_ws.events import Final, SessionOptions
from whispercpp_ws.protocols.deepgram import word_body
from whispercpp_ws.protocols.deepgram_query import read_query
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.query import Query, is_asked_for, refuse
from whispercpp_ws.protocols.recording import Body, Recording


OF_STREAMS = ("encoding", "sample_rate", "channels", "interim_results")
"""A file says by itself what it is."""
REFUSED = ("summarize", "topics", "intents", "sentiment", "detect_entities")
"""What would be missed in the answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for."""

    options: SessionOptions
    utterances: bool = False
    paragraphs: bool = False
    detects_language: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What is said of a request in its answer."""

    id: str
    created: str
    """Time in ISO 8601."""
    sha256: str
    """Of the file."""
    model: str


def read_file_query(query: Query, defaults: SessionOptions) -> Asked:
    """
    Read the query; unknown parameters are passed over.

    Raises:
        BadMessage: a value is wrong, or asks for what this server cannot do.
    """
    refuse(query, REFUSED)
    rest = {name: value for name, value in query.items() if name not in OF_STREAMS}
    return Asked(
        read_query(rest, defaults).options,
        utterances=is_asked_for(query, "utterances"),
        paragraphs=is_asked_for(query, "paragraphs"),
        detects_language=is_asked_for(query, "detect_language"),
    )


def write_file_body(recording: Recording, asked: Asked, request: Request) -> Body:
    """Write the answer."""
    channel: JsonObject = {"alternatives": [_alternative(recording, asked)]}
    if asked.detects_language:
        channel["detected_language"] = recording.language
    results: JsonObject = {"channels": [channel]}
    if asked.utterances:
        results["utterances"] = [
            _utterance(final, f"{request.id}-{number}")
            for number, final in enumerate(recording.finals)
        ]
    body = {"metadata": _metadata(recording, request), "results": results}
    return Body("application/json", json.dumps(body, ensure_ascii=False))


def _metadata(recording: Recording, request: Request) -> JsonObject:
    info = {"name": request.model, "version": "1", "arch": "whisper"}
    return {
        "transaction_key": "deprecated",
        "request_id": request.id,
        "sha256": request.sha256,
        "created": request.created,
        "duration": round(recording.seconds, 3),
        "channels": 1,
        "models": [request.model],
        "model_info": {request.model: info},
    }


def _alternative(recording: Recording, asked: Asked) -> JsonObject:
    words = recording.words
    confidences = [final.confidence for final in recording.finals]
    body: JsonObject = {
        "transcript": recording.text,
        "confidence": round(sum(confidences) / max(1, len(confidences)), 3),
        "words": [word_body(word) for word in words],
    }
    if asked.paragraphs:
        body["paragraphs"] = {
            "transcript": "\n\n".join(final.text for final in recording.finals),
            "paragraphs": [_paragraph(final) for final in recording.finals],
        }
    return body


def _paragraph(final: Final) -> JsonObject:
    times = {"start": round(final.start_s, 3), "end": round(final.end_s, 3)}
    sentence = {"text": final.text} | times
    return {"sentences": [sentence], "num_words": len(final.words or ())} | times


def _utterance(final: Final, name: str) -> JsonObject:
    return {
        "start": round(final.start_s, 3),
        "end": round(final.end_s, 3),
        "confidence": round(final.confidence, 3),
        "channel": 0,
        "transcript": final.text,
        "words": [word_body(word) for word in final.words or ()],
        "id": name,
    }
