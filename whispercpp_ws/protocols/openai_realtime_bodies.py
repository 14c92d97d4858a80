"""Events of OpenAI's realtime interface that are made of nothing but their values."""

import math
from collections.abc import Sequence

from whispercpp_ws.events import Final
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.recording import joined


EMPTY = "input_audio_buffer_commit_empty"
"""The one code that openai-agents does not take for the end."""


def committed_bodies(
    item_id: str, previous: str | None, *, is_beta: bool
) -> list[JsonObject]:
    """Say that an item was made of the audio before it."""
    about: JsonObject = {"previous_item_id": previous}
    item: JsonObject = {
        "id": item_id,
        "type": "message",
        "object": "realtime.item",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    names = ("created",) if is_beta else ("added", "done")
    committed: JsonObject = {"type": "input_audio_buffer.committed"}
    return [
        committed | about | {"item_id": item_id},
        *({"type": f"conversation.item.{n}"} | about | {"item": item} for n in names),
    ]


def transcript_bodies(item_id: str, finals: Sequence[Final]) -> list[JsonObject]:
    """Say what an item holds, with nothing in it too: clients wait for it."""
    text = joined(finals)
    about: JsonObject = {"item_id": item_id, "content_index": 0}
    prefix = "conversation.item.input_audio_transcription"
    seconds = sum(final.end_s - final.start_s for final in finals)
    usage: JsonObject = {"type": "duration", "seconds": math.ceil(seconds)}
    delta: JsonObject = {"type": f"{prefix}.delta"} | about | {"delta": text}
    done: JsonObject = {"type": f"{prefix}.completed"} | about
    last = done | {"transcript": text, "usage": usage}
    return [delta, last] if text else [last]


def empty_body(heard_s: float, event_id: object) -> JsonObject:
    """Say that there is nothing to commit, naming the commit."""
    message = (
        "Error committing input audio buffer: buffer too small. Expected at least "
        f"100ms of audio, but buffer only has {heard_s * 1000:.2f}ms of audio."
    )
    return error_body(EMPTY, message, event_id=event_id)


def error_body(
    code: str,
    message: str,
    *,
    param: str | None = None,
    event_id: object = None,
    kind: str = "invalid_request_error",
) -> JsonObject:
    """Say what is wrong, and with which event of the client."""
    inner: JsonObject = {"type": kind, "code": code, "message": message}
    named = event_id if isinstance(event_id, str) else None
    return {"type": "error", "error": inner | {"param": param, "event_id": named}}
