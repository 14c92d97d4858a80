"""The kills of `scripts.bench.chaos`, on the scripted engine for some seconds."""

import asyncio

import pytest

from scripts.bench.chaos import Damage, damage, main, measure, parser
from scripts.bench.speakers import Heard


def heard(*texts: str, delay_s: float = 0.5, code: int = 1000) -> Heard:
    finals = [
        (number + delay_s, {"type": "final", "text": text, "te": float(number)})
        for number, text in enumerate(texts)
    ]
    end = (99.0, {"type": "end", "finals": len(texts)})
    return Heard(messages=[*finals, end], close_code=code)


def test_what_is_lost_changed_or_late_is_counted() -> None:
    calm = [heard("Ask not.", "what"), heard("a", "b")]
    wild = [heard("ask not", "that", delay_s=1.5), heard("a", code=1006)]
    found = damage(calm, wild, kills=3)
    assert (found.lost, found.finals, found.different) == (1, 4, 2)
    assert (found.extra_p50_s, found.extra_p99_s) == (1.0, 1.0)
    assert not found.is_bearable
    assert "3 kills, 2 streams: 1 sessions lost, 2 of 4 finals different" in str(found)


@pytest.mark.parametrize(
    ("lost", "different", "extra_s"), [(1, 0, 0.1), (0, 1, 0.1), (0, 0, 2.5)]
)
def test_each_harm_alone_is_too_much(lost: int, different: int, extra_s: float) -> None:
    harm = Damage(9, 4, lost, 12, different, 0.0, extra_s)
    assert not harm.is_bearable
    assert Damage(9, 4, 0, 12, 0, 0.0, 2.4).is_bearable


@pytest.mark.timeout(120)
async def test_engines_are_killed_while_people_speak_and_nothing_is_lost() -> None:
    flags = ["--engine", "scripted", "--max-load", "100"]
    args = parser().parse_args(
        ["--streams", "2", "--seconds", "5", "--every", "1", "--", *flags]
    )
    found = await measure(args)
    assert found.kills >= 3
    assert (found.streams, found.lost, found.different) == (2, 0, 0)
    assert found.finals > 0


def test_a_run_that_broke_something_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_args: object) -> Damage:
        await asyncio.sleep(0)
        return Damage(1, 1, 1, 1, 0, 0.0, 0.0)

    monkeypatch.setattr("scripts.bench.chaos.measure", broken)
    assert main([]) == 1
    assert "1 sessions lost" in capsys.readouterr().out
