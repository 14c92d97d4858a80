"""
What gateway and engine host say to each other: frames of a JSON header and PCM.

    u32 header bytes | u32 payload bytes | header (UTF-8 JSON) | payload (float32)

Little-endian. Both ends are this package in this version; what does not parse means
a corrupted channel, and the host is then restarted.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whispercpp_ws.decoding import (
    SAMPLE_RATE,
    DecodeOptions,
    DecodeRequest,
    Priority,
)
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineError
from whispercpp_ws.transcript import DecodeCost, Hypothesis, Word


MAX_HEADER_BYTES = 256 << 10
"""A decode has at most 224 words, below 100 bytes each, and a prompt of 16 kB."""

MAX_PAYLOAD_BYTES = 30 * SAMPLE_RATE * 4
"""Whisper's whole window as float32."""

_PREFIX = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class HostSpec:
    """What a host loads."""

    engine: str
    """Name for `engines.load_engine`."""
    model: str
    """Catalogue name, such as "base-q8_0"."""
    path: str = ""
    lanes: int = 1
    size_bytes: int = 0
    """Expected size of the file; 0 leaves it unchecked."""
    sha256: str = ""
    """Expected checksum of the file; empty leaves it unchecked."""
    word_times: bool = True
    vad_path: str = ""
    """File of the voice detector; empty decodes every window."""
    warm_up: bool = True
    """Whether each lane decodes something before the host says that it is ready."""


@dataclass(frozen=True, slots=True)
class Load:
    """To the host, first: load this."""

    spec: HostSpec


@dataclass(frozen=True, slots=True)
class Decode:
    """To the host: decode this; `ticket` comes back with the answer."""

    ticket: int
    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the host: nobody wants this decode any more; it still gets an answer."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Ping:
    """To the host: are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """From the host: here."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From the host: loaded and warmed up."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Decoded:
    """From the host: a decode's result."""

    ticket: int
    hypothesis: Hypothesis


@dataclass(frozen=True, slots=True)
class Refused:
    """From the host: a decode, or with ticket -1 the load, failed."""

    ticket: int
    code: str
    """Of the error tree, for `errors.error_from_code`."""
    message: str


Message = Load | Decode | Cancel | Ping | Pong | Ready | Decoded | Refused

LOAD_TICKET = -1


def encode(message: Message) -> bytes:
    """
    Return a message's frame.

    Raises:
        EngineError: a request has more audio or text than a frame may hold.
    """
    return b"".join(encode_parts(message))


def encode_parts(message: Message) -> tuple[bytes, memoryview]:
    """
    Return a frame as its head and its payload, which is not copied.

    Raises:
        EngineError: a request has more audio or text than a frame may hold.
    """
    payload = memoryview(b"")
    fields: dict[str, Any]
    if isinstance(message, Decode):
        payload = message.request.samples.view(np.uint8).data
        fields = _request_fields(message)
    else:
        fields = asdict(message)
    return _head({"kind": _NAMES[type(message)], **fields}, len(payload)), payload


class FrameReader:
    """Turn a byte stream, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """
        Take the next bytes and return the messages they complete.

        Raises:
            EngineError: the stream is corrupted; nothing after it can be read.
        """
        # A frame that came whole is not copied: its samples stay where they are.
        return list(self._messages(self._rest + data if self._rest else data))

    def _messages(self, data: bytes) -> Iterator[Message]:
        view, start = memoryview(data), 0
        while len(data) - start >= _PREFIX.size:
            header_bytes, payload_bytes = _PREFIX.unpack_from(data, start)
            _check_sizes(header_bytes, payload_bytes)
            middle = start + _PREFIX.size + header_bytes
            end = middle + payload_bytes
            if len(data) < end:
                break
            yield _decode(bytes(view[start + _PREFIX.size : middle]), view[middle:end])
            start = end
        self._rest = data[start:]


def _head(fields: dict[str, Any], payload_bytes: int) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    header = text.encode()
    # Spaces up to a multiple of 8, so that the samples behind it are aligned for C.
    header = header.ljust(-(-len(header) // 8) * 8)
    _check_sizes(len(header), payload_bytes)
    return _PREFIX.pack(len(header), payload_bytes) + header


def _check_sizes(header_bytes: int, payload_bytes: int) -> None:
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise EngineError(
            f"engine frame: expected at most {MAX_HEADER_BYTES} + {MAX_PAYLOAD_BYTES} "
            f"bytes, got {header_bytes} + {payload_bytes}"
        )


def _request_fields(message: Decode) -> dict[str, Any]:
    request = message.request
    return {
        "ticket": message.ticket,
        "id": request.id,
        "priority": int(request.priority),
        "options": asdict(request.options),
        "model": request.model,
        "threads": request.threads,
    }


def _decode(header: bytes, payload: memoryview) -> Message:
    try:
        fields = json.loads(header)
        return _PARSERS[fields.pop("kind")](fields, payload)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineError(
            f"engine frame: expected a known message, got {header[:80]!r} ({error})"
        ) from error


def _parse_load(fields: dict[str, Any], _payload: memoryview) -> Load:
    return Load(HostSpec(**fields["spec"]))


def _parse_decode(fields: dict[str, Any], payload: memoryview) -> Decode:
    options = fields["options"]
    options["candidates"] = tuple(options["candidates"])
    request = DecodeRequest(
        id=fields["id"],
        priority=Priority(fields["priority"]),
        samples=np.frombuffer(payload, np.float32),
        options=DecodeOptions(**options),
        model=fields["model"],
        threads=fields["threads"],
    )
    return Decode(fields["ticket"], request)


def _parse_cancel(fields: dict[str, Any], _payload: memoryview) -> Cancel:
    return Cancel(**fields)


def _parse_ping(_fields: dict[str, Any], _payload: memoryview) -> Ping:
    return Ping()


def _parse_pong(_fields: dict[str, Any], _payload: memoryview) -> Pong:
    return Pong()


def _parse_ready(fields: dict[str, Any], _payload: memoryview) -> Ready:
    info = fields["info"]
    return Ready(EngineInfo(**info | {"languages": tuple(info["languages"])}))


def _parse_decoded(fields: dict[str, Any], _payload: memoryview) -> Decoded:
    hypothesis = fields["hypothesis"]
    parsed = {
        "words": tuple(Word(**word) for word in hypothesis["words"]),
        "cost": DecodeCost(**hypothesis["cost"]),
    }
    return Decoded(fields["ticket"], Hypothesis(**hypothesis | parsed))


def _parse_refused(fields: dict[str, Any], _payload: memoryview) -> Refused:
    return Refused(**fields)


_NAMES: dict[type[Message], str] = {
    Load: "load",
    Decode: "decode",
    Cancel: "cancel",
    Ping: "ping",
    Pong: "pong",
    Ready: "ready",
    Decoded: "decoded",
    Refused: "refused",
}
_PARSERS: dict[str, Callable[[dict[str, Any], memoryview], Message]] = {
    "load": _parse_load,
    "decode": _parse_decode,
    "cancel": _parse_cancel,
    "ping": _parse_ping,
    "pong": _parse_pong,
    "ready": _parse_ready,
    "decoded": _parse_decoded,
    "refused": _parse_refused,
}
