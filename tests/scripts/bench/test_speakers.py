"""What speakers send, and what is made of what they get."""

import math

from scripts.bench.speakers import FRAME_S, Heard, Speech, percentile


def test_a_recording_is_said_again_with_a_pause_between() -> None:
    cut = list(Speech(b"\1\0" * 16_000, 16_000).frames(6.0))
    assert len(cut) == round(6.0 / FRAME_S)
    spoken = [any(frame) for frame in cut]
    assert spoken == ([True] * 10 + [False] * 15) * 2 + [True] * 10


def partial(utterance: int, ts: float) -> dict[str, object]:
    return {"type": "partial", "utterance": utterance, "ts": ts}


def test_delays_count_from_the_audio_they_are_about() -> None:
    heard = Heard(
        messages=[
            (1.5, partial(1, 0.5)),
            (2.0, partial(1, 0.5)),
            (3.0, {"type": "final", "te": 2.25}),
            (9.0, partial(2, 7.0)),
        ]
    )
    assert heard.first_partial_delays_s() == [1.0, 2.0]
    assert heard.final_delays_s() == [0.75]


def test_a_session_is_complete_with_every_final_it_counted() -> None:
    final = (1.0, {"type": "final", "text": "Ask not!", "te": 0.5})
    end = (2.0, {"type": "end", "finals": 1})
    assert Heard(messages=[final, end], close_code=1000).is_complete
    assert not Heard(messages=[end], close_code=1000).is_complete
    assert not Heard(messages=[final], close_code=1000).is_complete
    assert not Heard(messages=[final, end], close_code=1006).is_complete
    assert Heard(messages=[final]).words == [["ask", "not"]]


def test_a_percentile_needs_two_values() -> None:
    assert math.isnan(percentile([1.0], 95))
    assert percentile([0.0, 100.0], 95) == 95.0
