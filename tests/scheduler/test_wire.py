import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineError
from whispercpp_ws.scheduler.wire import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Cancel,
    Decode,
    Decoded,
    FrameReader,
    HostSpec,
    Load,
    Message,
    Ping,
    Pong,
    Ready,
    Refused,
    encode,
)
from whispercpp_ws.transcript import DecodeCost, Hypothesis, Word


TEXT = st.text(max_size=20)
TICKET = st.integers(-1, 2**40)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
WORD = st.builds(Word, TEXT, NUMBER, NUMBER, NUMBER)
HYPOTHESIS = st.builds(
    Hypothesis,
    text=TEXT,
    words=st.lists(WORD, max_size=4).map(tuple),
    language=TEXT,
    token_count=st.integers(0, 448),
    mean_logprob=NUMBER,
    decode_s=NUMBER,
    cost=st.builds(DecodeCost, NUMBER, NUMBER, NUMBER),
)
SPEC = st.builds(HostSpec, TEXT, TEXT, TEXT, st.integers(1, 64), sha256=TEXT)
INFO = st.builds(
    EngineInfo, TEXT, TEXT, st.lists(TEXT, max_size=4).map(tuple), st.integers(1, 9)
)
ANSWER = st.one_of(
    st.builds(Load, SPEC),
    st.builds(Cancel, TICKET),
    st.builds(Ping),
    st.builds(Pong),
    st.builds(Ready, INFO),
    st.builds(Decoded, TICKET, HYPOTHESIS),
    st.builds(Refused, TICKET, TEXT, TEXT),
)


def request(samples: int = 4, prompt: str = "Привет") -> DecodeRequest:
    pcm = np.arange(samples, dtype=np.float32)
    options = DecodeOptions("ru", True, 77, 5, prompt, True)
    return DecodeRequest(3, Priority.PARTIAL, pcm, options, "base")


@given(st.lists(ANSWER, max_size=5), st.integers(1, 200))
def test_messages_survive_any_cut_of_the_stream(sent: list[Message], size: int) -> None:
    stream = b"".join(encode(message) for message in sent)
    reader = FrameReader()
    got: list[Message] = []
    for start in range(0, len(stream), size):
        got += reader.feed(stream[start : start + size])
    assert got == sent


def test_a_request_arrives_byte_by_byte_as_it_was_sent() -> None:
    reader, got = FrameReader(), list[Message]()
    for byte in encode(Decode(9, request())):
        got += reader.feed(bytes([byte]))
    [message] = got
    assert isinstance(message, Decode)
    assert message.ticket == 9
    assert message.request.samples.tolist() == [0, 1, 2, 3]
    assert message.request.samples.dtype == np.float32
    expected = replace(request(), samples=message.request.samples)
    for field in ("id", "priority", "options", "model"):
        assert getattr(message.request, field) == getattr(expected, field)


def test_a_full_window_fits_a_frame() -> None:
    assert len(encode(Decode(1, request(480_000)))) > MAX_PAYLOAD_BYTES


@pytest.mark.parametrize(
    "large", [request(480_001), request(prompt="x" * MAX_HEADER_BYTES)]
)
def test_a_request_larger_than_a_frame_is_refused(large: DecodeRequest) -> None:
    with pytest.raises(EngineError, match="expected at most"):
        encode(Decode(1, large))


@pytest.mark.parametrize(
    "prefix",
    [
        struct.pack("<II", MAX_HEADER_BYTES + 1, 0),
        struct.pack("<II", 2, MAX_PAYLOAD_BYTES + 1),
        b"\xff" * 8,
    ],
)
def test_a_frame_that_announces_too_much_is_refused_at_once(prefix: bytes) -> None:
    with pytest.raises(EngineError, match="expected at most"):
        FrameReader().feed(prefix)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"nonsense",
        b"\xff",
        b"[]",
        b"{}",
        b'{"kind":"other"}',
        b'{"kind":["load"]}',
        b'{"kind":"load"}',
        b'{"kind":"load","spec":{"engine":"x"}}',
        b'{"kind":"refused","ticket":1,"code":"a","message":"b","more":1}',
        b'{"kind":"decode","id":1,"priority":9}',
        b'{"kind":"decoded","ticket":1,"hypothesis":null}',
    ],
)
def test_a_header_that_is_no_message_is_refused(header: bytes) -> None:
    frame = struct.pack("<II", len(header), 0) + header
    with pytest.raises(EngineError, match="expected a known message"):
        FrameReader().feed(frame)


def test_samples_that_are_cut_in_half_are_refused() -> None:
    frame = bytearray(encode(Decode(1, request())))
    frame[4:8] = struct.pack("<I", 15)
    with pytest.raises(EngineError):
        FrameReader().feed(bytes(frame))
