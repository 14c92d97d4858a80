import numpy as np
import pytest

from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority
from whispercpp_ws.server.stages import FinalStages


def request(priority: Priority, language: str = "en") -> DecodeRequest:
    return DecodeRequest(1, priority, np.zeros(1, np.float32), DecodeOptions(language))


FINAL, AHEAD, PARTIAL = map(request, Priority)


def split(stages: FinalStages, *, lag_s: float, now_s: float) -> tuple[float, ...]:
    found = stages.of_final(2.0, lag_s=lag_s, now_s=now_s)
    assert found is not None
    return tuple(
        round(part, 6) for part in (found.endpoint_s, found.queue_s, found.decode_s)
    )


def test_a_final_decoded_after_its_end_waits_and_is_decoded() -> None:
    stages = FinalStages()
    stages.note_end(2.0, at_s=10.0)
    stages.note_decode(FINAL, 0.3, done_s=10.5)
    assert split(stages, lag_s=1.1, now_s=10.5) == (0.6, 0.2, 0.3)


def test_what_was_decoded_ahead_is_no_delay() -> None:
    stages = FinalStages()
    stages.note_decode(AHEAD, 0.3, done_s=9.9)
    stages.note_end(2.0, at_s=10.0)
    assert split(stages, lag_s=0.6, now_s=10.0) == (0.6, 0.0, 0.0)


def test_of_a_decode_that_was_under_way_only_the_rest_is() -> None:
    stages = FinalStages()
    stages.note_end(2.0, at_s=10.0)
    stages.note_decode(AHEAD, 0.5, done_s=10.1)
    assert split(stages, lag_s=0.7, now_s=10.1) == (0.6, 0.0, 0.1)


def test_decodes_side_by_side_count_once_and_partials_not_at_all() -> None:
    stages = FinalStages()
    stages.note_end(2.0, at_s=10.0)
    stages.note_decode(PARTIAL, 0.9, done_s=10.9)
    stages.note_decode(AHEAD, 0.3, done_s=10.3)
    stages.note_decode(FINAL, 0.3, done_s=10.5)
    stages.note_decode(request(Priority.PARTIAL, "auto"), 0.2, done_s=10.8)
    assert split(stages, lag_s=1.6, now_s=11.0) == (0.6, 0.3, 0.7)


def test_an_utterance_without_text_leaves_its_end_behind() -> None:
    stages = FinalStages()
    stages.note_end(1.0, at_s=5.0)
    stages.note_end(2.0, at_s=10.0)
    assert split(stages, lag_s=0.6, now_s=10.0) == (0.6, 0.0, 0.0)


@pytest.mark.parametrize("end_s", [None, 3.0])
def test_a_final_without_its_end_is_not_split(end_s: float | None) -> None:
    stages = FinalStages()
    if end_s is not None:
        stages.note_end(end_s, at_s=10.0)
    assert stages.of_final(2.0, lag_s=1.0, now_s=11.0) is None
