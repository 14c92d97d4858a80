"""What a client keeps until it is settled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.client.replay import ITEM_BYTES, Item, ReplayLog
from whispercpp_ws.events import AudioFormat, Encoding, End, Flush


PHONE = AudioFormat(Encoding.MULAW, 8_000)
"""8 bytes are 1 ms."""


def log(*items: Item, audio: AudioFormat = PHONE) -> ReplayLog:
    made = ReplayLog(audio)
    for item in items:
        made.add(item)
    return made


def test_everything_is_replayed_while_nothing_is_settled() -> None:
    items = (b"12345678", Flush(), b"abcdefgh", End())
    assert tuple(log(*items).after(0.0)) == items


def test_what_is_settled_is_forgotten() -> None:
    kept = log(b"12345678", Flush(), b"abcdefgh")
    kept.settle(0.001)
    assert list(kept.after(0.0)) == [Flush(), b"abcdefgh"]
    kept.settle(0.002)
    assert list(kept.after(0.0)) == []
    assert kept.settled_s == 0.002


def test_an_offset_within_a_frame_cuts_it() -> None:
    kept = log(b"12345678abcdefghABC")
    kept.settle(0.001)
    assert list(kept.after(0.001)) == [b"abcdefghABC"]
    assert list(kept.after(0.002)) == [b"ABC"]


def test_a_command_right_at_the_offset_is_replayed() -> None:
    kept = log(Flush(), b"12345678", End())
    assert list(kept.after(0.001)) == [End()]


def test_an_end_is_kept_though_the_last_offset_rounds_up() -> None:
    kept = log(b"1234567", End())
    kept.settle(0.001)
    assert list(kept.after(0.001)) == [End()]


def test_replaying_goes_on_from_a_number() -> None:
    kept = log(b"12345678")
    number = kept.next_number
    kept.add(b"abcdefgh")
    assert list(kept.after(0.0, number=number)) == [b"abcdefgh"]


def test_too_much_is_forgotten_and_cannot_be_replayed() -> None:
    kept = ReplayLog(PHONE, limit_bytes=2 * (ITEM_BYTES + 8))
    for _ in range(3):
        kept.add(b"12345678")
    assert not kept.can_replay(0.0)
    assert kept.can_replay(0.001)
    assert len(list(kept.after(0.001))) == 2


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 192_000])
@given(data=st.data())
def test_client_and_server_agree_on_where_an_offset_is(
    rate: int, data: st.DataObject
) -> None:
    audio = AudioFormat(Encoding.PCM16LE, rate, 2)
    heard = data.draw(st.integers(0, 10**9))
    offset_s = audio.offset_at(heard)
    at = audio.byte_at(offset_s)
    assert at % audio.frame_bytes == 0
    assert heard - audio.frame_bytes * (rate // 1000 + 2) < at <= heard
    # As JSON it is rounded to milliseconds, and is the same place.
    assert audio.byte_at(round(offset_s, 3)) == at
    assert audio.offset_at(at) <= offset_s


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=30),
    settled=st.integers(0, 60),
)
def test_settled_and_replayed_audio_are_all_of_it(
    pieces: list[bytes], settled: int
) -> None:
    whole, kept = b"".join(pieces), log(*pieces)
    offset_s = min(settled, len(whole) // 8) / 1000
    kept.settle(offset_s)
    rest = b"".join(item for item in kept.after(offset_s) if isinstance(item, bytes))
    assert whole[PHONE.byte_at(offset_s) :] == rest
