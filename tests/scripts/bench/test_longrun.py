from dataclasses import replace

import pytest

from scripts.bench.audio import SpeechBounds
from scripts.bench.longrun import (
    LongRun,
    has_loop,
    long_runs,
    memory_growth_mb_per_min,
)
from scripts.bench.run import MemoryAt
from scripts.bench.scores import ClipRun
from scripts.bench.timeline import SettledText, Timeline
from tests.scripts.bench.lines import clip, final


SAID = " ".join(f"word{number}" for number in range(60))


def run_of(
    finals: list[SettledText], *, said: str = SAID, seconds: float = 600.0
) -> ClipRun:
    bounds = SpeechBounds(0.5, seconds)
    recording = replace(clip(said=said), seconds=seconds)
    return ClipRun(recording, bounds, Timeline(settled=tuple(finals)))


def finals_every_minute(*, drift_s: float) -> list[SettledText]:
    words = SAID.split()
    return [
        final(
            60.0 * n + 0.8 + drift_s * n,
            " ".join(words[6 * n - 6 : 6 * n]),
            end_s=60.0 * n,
            utterance=n,
        )
        for n in range(1, 11)
    ]


def described(run: ClipRun) -> LongRun:
    (found,) = long_runs([run])
    return found


def test_a_steady_session_has_no_drift() -> None:
    found = described(run_of(finals_every_minute(drift_s=0.0)))
    assert (found.minutes, found.finals) == (10.0, 10)
    assert found.early_s == pytest.approx(0.8)
    assert found.late_s == pytest.approx(0.8)
    assert found.drift_s_per_min == pytest.approx(0.0)


def test_finals_that_come_ever_later_are_drift() -> None:
    found = described(run_of(finals_every_minute(drift_s=0.1)))
    assert found.drift_s_per_min == pytest.approx(0.1)
    assert found.early_s is not None
    assert found.late_s is not None
    assert found.late_s - found.early_s > 0.5


def test_the_last_words_are_looked_for_at_the_end() -> None:
    finals = finals_every_minute(drift_s=0.0)
    assert described(run_of(finals)).last_words == 5
    assert described(run_of(finals[:-1])).last_words == 0
    assert described(run_of(finals)).last_off_s == pytest.approx(0.0)
    assert described(run_of(finals[:-1])).last_off_s == pytest.approx(-60.0)


def test_a_final_that_says_four_words_twice_has_a_loop() -> None:
    loop = final(70.0, "so a b c d a b c d on", end_s=69.0)
    assert described(run_of([loop])).looping_finals == 1


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("a b c d a b c d", True),
        ("x a b c d e a b c d e", True),
        ("a b c a b c", False),
        ("a b c d x a b c d", False),
        ("", False),
    ],
)
def test_a_loop_is_four_words_followed_by_themselves(text: str, loops: bool) -> None:
    assert has_loop(text.split()) is loops


def test_short_recordings_and_silence_are_not_described() -> None:
    short = run_of([], seconds=20.0)
    silent = run_of([], said="")
    assert long_runs([short, silent]) == []


def test_without_finals_there_is_nothing_to_compare() -> None:
    found = described(run_of([]))
    assert (found.early_s, found.drift_s_per_min, found.last_off_s) == (None,) * 3
    assert found.last_words == 0


def test_memory_that_fills_up_first_does_not_grow() -> None:
    rising = [MemoryAt(float(s), 1_000_000 * min(s, 30)) for s in range(61)]
    assert memory_growth_mb_per_min(rising) == pytest.approx(0.0, abs=0.01)


def test_a_leak_is_told_by_the_minute() -> None:
    leak = [MemoryAt(float(s), 50_000 * s) for s in range(121)]
    assert memory_growth_mb_per_min(leak) == pytest.approx(3.0)
    assert memory_growth_mb_per_min([]) is None
