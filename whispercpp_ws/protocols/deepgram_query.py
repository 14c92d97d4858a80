"""The query of Deepgram's `/v1/listen`: what kind of stream a client opens."""

import json
from dataclasses import dataclass, replace

from whispercpp_ws.errors import BadMessage, SpeechError
from whispercpp_ws.events import AudioFormat, Encoding, SessionOptions
from whispercpp_ws.protocols.languages import language_code
from whispercpp_ws.protocols.query import (
    Query,
    flag,
    last,
    refuse,
    whole,
    whole_of,
)


ENCODINGS = {
    "linear16": Encoding.PCM16LE,
    "mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
}
MIN_RATE, MAX_RATE = 8_000, 192_000
MAX_CHANNELS = 8
MIN_ENDPOINT_MS, MAX_ENDPOINT_MS = 200, 5_000
MAX_PROMPT_CHARS = 800
REFUSED = ("diarize", "diarize_model", "multichannel", "callback", "redact", "search")
"""What would be missed in the results; style flags such as `smart_format` are not."""


@dataclass(frozen=True, slots=True)
class Listen:
    """What a query asks for."""

    options: SessionOptions
    has_format: bool = False
    """Whether it says how the audio is encoded; otherwise a WAV header does."""
    vad_events: bool = False
    utterance_end: bool = False

    def heard_as(self, audio: AudioFormat) -> "Listen":
        """Return the same for audio of a format that came to light."""
        return replace(self, options=replace(self.options, audio=audio))


def read_query(query: Query, defaults: SessionOptions) -> Listen:
    """
    Read the query of an upgrade request; unknown parameters are passed over.

    Raises:
        BadMessage: a value is wrong, or asks for what this server cannot do.
    """
    refuse(query, REFUSED)
    has_format = "encoding" in query or "sample_rate" in query
    interim = flag(query, "interim_results")
    return Listen(
        options=replace(
            defaults,
            audio=_audio(query) if has_format else defaults.audio,
            language=_language(query, defaults.language),
            prompt=_keyterms(query) or defaults.prompt,
            endpoint_ms=_endpoint_ms(query, defaults.endpoint_ms),
            words=True,
            partials=interim,
        ),
        has_format=has_format,
        vad_events=flag(query, "vad_events"),
        utterance_end=interim and "utterance_end_ms" in query,
    )


def error_body(error: SpeechError, request_id: str) -> str:
    """Write a refusal of the upgrade as Deepgram does."""
    codes = {400: "Bad Request", 401: "INVALID_AUTH", 503: "TOO_MANY_REQUESTS"}
    return json.dumps(
        {
            "err_code": codes.get(error.http_status, error.code),
            "err_msg": str(error),
            "request_id": request_id,
        },
        ensure_ascii=False,
    )


def _audio(query: Query) -> AudioFormat:
    name = last(query, "encoding")
    if name not in ENCODINGS:
        raise BadMessage.expected("encoding", f"one of {', '.join(ENCODINGS)}", name)
    return AudioFormat(
        encoding=ENCODINGS[name],
        rate=whole(query, "sample_rate", 0, low=MIN_RATE, high=MAX_RATE),
        channels=whole(query, "channels", 1, low=1, high=MAX_CHANNELS),
    )


def _language(query: Query, default: str) -> str:
    language = last(query, "language")
    # "multi" is Deepgram's name for several languages in one stream.
    if language == "multi" or last(query, "detect_language").lower() == "true":
        return "auto"
    return language_code(language) if language else default


def _keyterms(query: Query) -> str:
    # keywords may carry a weight: "word:2".
    words = [word.partition(":")[0] for word in query.get("keywords", ())]
    terms = ", ".join([*query.get("keyterm", ()), *words])
    return terms.replace("\0", "")[:MAX_PROMPT_CHARS]


def _endpoint_ms(query: Query, default: int) -> int:
    """
    Take the silence that ends an utterance.

    Deepgram's own 10 ms and livekit's 25 mean "at once", which would cut a sentence
    into single words here: what is too short is left to the server.
    """
    text = last(query, "utterance_end_ms") or last(query, "endpointing", "true")
    if text.lower() in {"true", "false"}:
        return MAX_ENDPOINT_MS if text.lower() == "false" else default
    wanted = whole_of("endpointing", text, low=0, high=60_000)
    return min(wanted, MAX_ENDPOINT_MS) if wanted >= MIN_ENDPOINT_MS else default
