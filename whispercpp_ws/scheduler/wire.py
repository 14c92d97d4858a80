"""
What gateway and engine host say to each other: frames of JSON.

    u32 bytes, little-endian | UTF-8 JSON

The samples of a window are not among it: they lie in a slot. Both ends are this package
in this version; what does not parse means a corrupted channel, and the host is then
restarted.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineError
from whispercpp_ws.transcript import DecodeCost, Hypothesis, Word


MAX_FRAME_BYTES = 256 << 10
"""A decode has at most 224 words, below 100 bytes each, and a prompt of 16 kB."""

_PREFIX = struct.Struct("<I")


def _plain(value: Any) -> Any:
    """Return a dataclass's fields; without names those of words, which are many."""
    if isinstance(value, Word):
        return (value.text, value.start_s, value.end_s, value.confidence)
    # Not `asdict`: an answer of 20 words takes it 0.20 ms, this 0.07, and each answer
    # is written by the lane and by the process it was forked from.
    return {name: getattr(value, name) for name in value.__slots__}


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)


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
    blas: bool = True
    """Whether numpy's BLAS may compute large products, where it can."""
    warm_up: bool = True
    """Whether each lane decodes something before the host says that it is ready."""


@dataclass(frozen=True, slots=True)
class Load:
    """To the host, first: load this."""

    spec: HostSpec
    slots_fd: int
    """Descriptor of the `Slots` that windows will lie in."""


@dataclass(frozen=True, slots=True)
class Decode:
    """To the host: decode what lies in a slot; `ticket` comes back with the answer."""

    ticket: int
    slot: int
    sample_count: int
    id: int
    priority: Priority
    options: DecodeOptions
    threads: int

    @classmethod
    def of(cls, request: DecodeRequest, *, ticket: int, slot: int) -> "Decode":
        """Ask for a request whose samples are in a slot."""
        return cls(
            ticket=ticket,
            slot=slot,
            sample_count=len(request.samples),
            id=request.id,
            priority=request.priority,
            options=request.options,
            threads=request.threads,
        )

    def request(self, samples: Samples) -> DecodeRequest:
        """Return what a lane decodes, with the samples of the slot."""
        return DecodeRequest(
            id=self.id,
            priority=self.priority,
            samples=samples,
            options=self.options,
            threads=self.threads,
        )


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
        EngineError: a request has more text than a frame may hold.
    """
    text = _JSON.encode({"kind": _NAMES[type(message)], **_plain(message)}).encode()
    _check_size(len(text))
    return _PREFIX.pack(len(text)) + text


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
        return list(self._messages(self._rest + data))

    def _messages(self, data: bytes) -> Iterator[Message]:
        start = 0
        while len(data) - start >= _PREFIX.size:
            (size,) = _PREFIX.unpack_from(data, start)
            _check_size(size)
            first = start + _PREFIX.size
            if len(data) < first + size:
                break
            start = first + size
            yield _decode(data[first:start])
        self._rest = data[start:]


def _check_size(size: int) -> None:
    if size > MAX_FRAME_BYTES:
        raise EngineError(
            f"engine frame: expected at most {MAX_FRAME_BYTES} bytes, got {size}"
        )


def _decode(text: bytes) -> Message:
    try:
        fields = json.loads(text)
        return _PARSERS[fields.pop("kind")](fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EngineError(
            f"engine frame: expected a known message, got {text[:80]!r} ({error})"
        ) from error


def _parse_load(fields: dict[str, Any]) -> Load:
    return Load(**fields | {"spec": HostSpec(**fields["spec"])})


def _parse_decode(fields: dict[str, Any]) -> Decode:
    options = fields["options"]
    options["candidates"] = tuple(options["candidates"])
    parsed = {
        "priority": Priority(fields["priority"]),
        "options": DecodeOptions(**options),
    }
    return Decode(**fields | parsed)


def _parse_cancel(fields: dict[str, Any]) -> Cancel:
    return Cancel(**fields)


def _parse_ping(_fields: dict[str, Any]) -> Ping:
    return Ping()


def _parse_pong(_fields: dict[str, Any]) -> Pong:
    return Pong()


def _parse_ready(fields: dict[str, Any]) -> Ready:
    info = fields["info"]
    return Ready(EngineInfo(**info | {"languages": tuple(info["languages"])}))


def _parse_decoded(fields: dict[str, Any]) -> Decoded:
    hypothesis = fields["hypothesis"]
    parsed = {
        "words": tuple(Word(*word) for word in hypothesis["words"]),
        "cost": DecodeCost(**hypothesis["cost"]),
    }
    return Decoded(fields["ticket"], Hypothesis(**hypothesis | parsed))


def _parse_refused(fields: dict[str, Any]) -> Refused:
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
_PARSERS: dict[str, Callable[[dict[str, Any]], Message]] = {
    "load": _parse_load,
    "decode": _parse_decode,
    "cancel": _parse_cancel,
    "ping": _parse_ping,
    "pong": _parse_pong,
    "ready": _parse_ready,
    "decoded": _parse_decoded,
    "refused": _parse_refused,
}
