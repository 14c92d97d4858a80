"""The session of OpenAI's realtime interface: what updates change, how it is told."""

from dataclasses import dataclass, replace

from whispercpp_ws.errors import BadMessage
from whispercpp_ws.events import AudioFormat, Encoding
from whispercpp_ws.protocols.fields import Fields
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.protocols.languages import AUTO, language_code


PCM_RATE, G711_RATE = 24_000, 8_000
MAX_PROMPT_CHARS = 800
MAX_NAME_CHARS = 100
MIN_ENDPOINT_MS, MAX_ENDPOINT_MS = 200, 5_000
SERVER_VAD: JsonObject = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
}
SEMANTIC_MS = {"low": 1500, "medium": 800, "auto": 800, "high": 500}
"""Silence that stands in for each eagerness: nothing here knows what a sentence is."""
FORMATS = {
    "audio/pcm": AudioFormat(rate=PCM_RATE),
    "audio/pcmu": AudioFormat(Encoding.MULAW, G711_RATE),
    "audio/pcma": AudioFormat(Encoding.ALAW, G711_RATE),
}
BETA_FORMATS = {
    "pcm16": "audio/pcm",
    "g711_ulaw": "audio/pcmu",
    "g711_alaw": "audio/pcma",
}


@dataclass(frozen=True, slots=True)
class RealtimeSession:
    """The effective options of one connection."""

    format: str = "audio/pcm"
    rate: int = PCM_RATE
    """Other rates than 24000 are an extension."""
    model: str = ""
    """What the client calls it; empty is no transcription asked for yet."""
    language: str = ""
    prompt: str = ""
    turn_detection: JsonObject | None = None
    noise_reduction: object = None
    include: object = None

    @property
    def audio(self) -> AudioFormat:
        """The shape of the client's audio."""
        return replace(FORMATS[self.format], rate=self.rate)

    @property
    def endpoint_ms(self) -> int:
        """Silence that ends a turn."""
        turn = self.turn_detection or SERVER_VAD
        if turn["type"] == "semantic_vad":
            return SEMANTIC_MS.get(str(turn.get("eagerness")), SEMANTIC_MS["auto"])
        wanted = Fields(turn).whole("silence_duration_ms", 500, low=0, high=60_000)
        return min(max(wanted, MIN_ENDPOINT_MS), MAX_ENDPOINT_MS)


FRESH = RealtimeSession(turn_detection=SERVER_VAD)
"""What a connection begins with."""


def patched(session: RealtimeSession, update: object) -> RealtimeSession:
    """
    Return the session after an update; what it leaves out stays, null clears.

    Raises:
        BadMessage: a field has a wrong type or value; unknown ones are passed over.
    """
    body = _object("session", update)
    given = _object("audio.input", _object("audio", body.get("audio", {})).get("input"))
    if "include" in body:
        session = replace(session, include=body["include"])
    if "format" in given:
        session = _with_format(session, _object("format", given["format"]))
    return _with_rest(session, given, "transcription", "noise_reduction")


def patched_by_beta(session: RealtimeSession, update: object) -> RealtimeSession:
    """Return the session after an update of the beta's shape; raises BadMessage."""
    body = _object("session", update)
    if "input_audio_format" in body:
        name = body["input_audio_format"]
        if not isinstance(name, str) or name not in BETA_FORMATS:
            known = ", ".join(BETA_FORMATS)
            raise BadMessage.expected("input_audio_format", f"one of {known}", name)
        session = _with_format(session, {"type": BETA_FORMATS[name]})
    names = "input_audio_transcription", "input_audio_noise_reduction"
    return _with_rest(session, body, *names)


def session_body(session: RealtimeSession, name: str, expires_at: int) -> JsonObject:
    """Write the whole session, as `session.created` and `session.updated` show it."""
    audio: JsonObject = {"type": session.format}
    if session.format == "audio/pcm":
        audio["rate"] = session.rate
    return {
        "id": name,
        "object": "realtime.transcription_session",
        "type": "transcription",
        "expires_at": expires_at,
        "include": session.include,
        "audio": {
            "input": {
                "format": audio,
                "noise_reduction": session.noise_reduction,
                "transcription": _transcription(session),
                "turn_detection": session.turn_detection,
            }
        },
    }


def beta_session_body(session: RealtimeSession, name: str, expires: int) -> JsonObject:
    """Write the session in the beta's shape."""
    names = {name: beta for beta, name in BETA_FORMATS.items()}
    return {
        "id": name,
        "object": "realtime.transcription_session",
        "expires_at": expires,
        "include": session.include,
        "input_audio_format": names[session.format],
        "input_audio_transcription": _transcription(session),
        "input_audio_noise_reduction": session.noise_reduction,
        "turn_detection": session.turn_detection,
    }


def _with_format(session: RealtimeSession, given: JsonObject) -> RealtimeSession:
    name = given.get("type", session.format)
    if not isinstance(name, str) or name not in FORMATS:
        raise BadMessage.expected("format.type", f"one of {', '.join(FORMATS)}", name)
    rate = FORMATS[name].rate
    if name == "audio/pcm":
        rate = Fields(given).whole("rate", rate, low=8_000, high=192_000)
    return replace(session, format=name, rate=rate)


def _with_rest(
    session: RealtimeSession, given: JsonObject, transcription: str, noise: str
) -> RealtimeSession:
    if transcription in given:
        session = _with_transcription(session, given[transcription])
    if noise in given:
        session = replace(session, noise_reduction=given[noise])
    if "turn_detection" in given:
        turn = _turn_detection(given["turn_detection"])
        session = replace(session, turn_detection=turn)
    return session


def _with_transcription(session: RealtimeSession, given: object) -> RealtimeSession:
    if given is None:
        return replace(session, model="", language="", prompt="")
    fields = Fields(_object("transcription", given))
    language = fields.text("language", session.language, max_chars=MAX_NAME_CHARS)
    code = language_code(language) if language else ""
    return replace(
        session,
        model=fields.text("model", session.model, max_chars=MAX_NAME_CHARS),
        language="" if code == AUTO else code,
        prompt=fields.text("prompt", session.prompt, max_chars=20_000)[
            -MAX_PROMPT_CHARS:
        ],
    )


def _transcription(session: RealtimeSession) -> JsonObject | None:
    body: JsonObject = {
        "model": session.model,
        "language": session.language,
        "prompt": session.prompt,
    }
    return {name: text for name, text in body.items() if text} or None


def _turn_detection(given: object) -> JsonObject | None:
    if given is None:
        return None
    turn = _object("turn_detection", given)
    kind = turn.get("type", "server_vad")
    if kind == "semantic_vad":
        return {"type": kind, "eagerness": turn.get("eagerness", "auto")}
    if kind != "server_vad":
        raise BadMessage.expected("turn_detection.type", "server_vad", kind)
    Fields(turn).whole("silence_duration_ms", 500, low=0, high=60_000)
    return SERVER_VAD | turn


def _object(name: str, value: object) -> JsonObject:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadMessage.expected(name, "an object", value)
    return value
