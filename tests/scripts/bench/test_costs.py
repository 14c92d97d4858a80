import pytest

from scripts.bench.adapters.process import Usage
from scripts.bench.costs import (
    Redundancy,
    counted_since,
    cpu_split,
    final_waits,
    redundancy,
)
from whispercpp_ws.engines.whispercpp.flops import EncoderShape


BASE = EncoderShape(mels=80, state=512, audio_layers=6, text_layers=6)
COUNTERS = {
    "decode_cpu_seconds.partial": 4.0,
    "decode_cpu_seconds.final": 2.0,
    "vad_cpu_seconds": 0.5,
}


def test_the_parts_of_the_cpu_add_up_to_all_of_it() -> None:
    spent = Usage(cpu_s=9.0, memory_bytes=1, root_cpu_s=1.5)
    found = cpu_split(COUNTERS, spent, 10.0)
    assert found is not None
    assert (found.partial, found.final, found.speculative) == (0.4, 0.2, 0.0)
    assert found.silero == 0.05
    assert found.gateway == pytest.approx(0.15)
    assert found.other == pytest.approx(0.1)
    assert found.total == pytest.approx(0.9)


def test_a_server_that_counts_no_decodes_is_not_split() -> None:
    assert cpu_split({}, Usage(9.0, 1, 1.0), 10.0) is None


def test_full_windows_packed_with_speech_are_no_redundancy() -> None:
    flops = {"encoder_flops.final": 2 * BASE.flops(1500)}
    assert redundancy(flops, 60.0, BASE) == Redundancy(partials=0.0, finals=1.0)


def test_a_padded_window_for_each_second_is_thirty_times_the_work() -> None:
    flops = {"encoder_flops.partial": 60 * BASE.flops(1500)}
    found = redundancy(flops, 60.0, BASE)
    assert found is not None
    assert found.total == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("flops", "speech_s"), [({}, 60.0), ({"encoder_flops.final": 1.0}, 0.0)]
)
def test_without_work_or_speech_there_is_no_ratio(
    flops: dict[str, float], speech_s: float
) -> None:
    assert redundancy(flops, speech_s, BASE) is None


def test_what_finals_waited_for_is_told_for_each() -> None:
    counters = {"final_seconds.endpoint.count": 2.0}
    parts = {"endpoint": 1.25, "queue": 0.5, "decode": 0.25}
    counters |= {f"final_seconds.{part}.sum": value for part, value in parts.items()}
    found = final_waits(counters)
    assert found is not None
    assert (found.endpoint_s, found.queue_s, found.decode_s) == (0.625, 0.25, 0.125)
    assert found.finals == 2


def test_no_final_waited_for_nothing() -> None:
    assert final_waits({}) is None
    assert final_waits({"final_seconds.endpoint.count": 0.0}) is None


def test_counters_are_taken_since_an_earlier_look() -> None:
    assert counted_since({"a": 3.0, "b": 1.0}, {"a": 1.0}) == {"a": 2.0, "b": 1.0}
