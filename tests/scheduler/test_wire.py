import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import EngineError
from whispercpp_ws.scheduler.wire import (
    MAX_FRAME_BYTES,
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
OPTIONS = st.builds(
    DecodeOptions,
    language=TEXT,
    translate=st.booleans(),
    audio_ctx=st.integers(1, 1500),
    max_tokens=st.integers(0, 224),
    prompt=TEXT,
    word_times=st.booleans(),
    candidates=st.lists(TEXT, max_size=4).map(tuple),
    context_s=NUMBER,
)
DECODE = st.builds(
    Decode,
    ticket=TICKET,
    slot=st.integers(0, 63),
    sample_count=st.integers(0, 480_000),
    id=st.integers(0, 2**40),
    priority=st.sampled_from(Priority),
    options=OPTIONS,
    threads=st.integers(1, 8),
)
MESSAGE = st.one_of(
    st.builds(Load, SPEC, st.integers(0, 1023)),
    DECODE,
    st.builds(Cancel, TICKET),
    st.builds(Ping),
    st.builds(Pong),
    st.builds(Ready, INFO),
    st.builds(Decoded, TICKET, HYPOTHESIS),
    st.builds(Refused, TICKET, TEXT, TEXT),
)


@given(st.lists(MESSAGE, max_size=5), st.integers(1, 200))
def test_messages_survive_any_cut_of_the_stream(sent: list[Message], size: int) -> None:
    stream = b"".join(encode(message) for message in sent)
    reader = FrameReader()
    got: list[Message] = []
    for start in range(0, len(stream), size):
        got += reader.feed(stream[start : start + size])
    assert got == sent


def test_a_request_is_what_it_was_once_its_samples_are_there() -> None:
    sent = DecodeRequest(3, Priority.PARTIAL, np.ones(4, np.float32), threads=2)
    message = Decode.of(sent, ticket=9, slot=1)
    assert (message.ticket, message.slot, message.sample_count) == (9, 1, 4)
    got = message.request(sent.samples)
    for name in ("id", "priority", "samples", "options", "threads"):
        assert getattr(got, name) is getattr(sent, name)


def test_a_request_with_more_text_than_a_frame_holds_is_refused() -> None:
    options = DecodeOptions(prompt="x" * MAX_FRAME_BYTES)
    large = DecodeRequest(3, Priority.PARTIAL, np.zeros(4, np.float32), options)
    with pytest.raises(EngineError, match="expected at most"):
        encode(Decode.of(large, ticket=1, slot=0))


@pytest.mark.parametrize(
    "prefix", [struct.pack("<I", MAX_FRAME_BYTES + 1), b"\xff" * 8]
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
        b'{"kind":"load","spec":{"engine":"x","model":"y"}}',
        b'{"kind":"refused","ticket":1,"code":"a","message":"b","more":1}',
        b'{"kind":"decode","id":1,"priority":9}',
        b'{"kind":"decoded","ticket":1,"hypothesis":null}',
    ],
)
def test_a_header_that_is_no_message_is_refused(header: bytes) -> None:
    frame = struct.pack("<I", len(header)) + header
    with pytest.raises(EngineError, match="expected a known message"):
        FrameReader().feed(frame)
