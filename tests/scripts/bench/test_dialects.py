from pathlib import Path

import pytest

from scripts.bench.dialects import Heard, is_good, main, table
from scripts.bench.manifest import Clip


CLIP = Clip("set", "one", Path("one.wav"), 2.0, 16_000, 1, "en", "red green blue white")


def heard(*texts: str) -> list[Heard]:
    return [Heard(CLIP, text) for text in texts]


RIGHT = heard("Red, green, blue, white.", "red green blue white")


def test_the_table_compares_words_and_not_how_they_are_written() -> None:
    lines = table(
        {
            "native": RIGHT,
            "Vosk": heard("red green blue white", "Red green blue white!"),
            "Deepgram": heard("red green", "red green blue white"),
        }
    ).splitlines()
    assert lines[2:] == [
        "| native | 2 | 0.0 | +0.0 | 0 |",
        "| Vosk | 2 | 0.0 | +0.0 | 0 |",
        "| Deepgram | 2 | 25.0 | +25.0 | 1 |",
    ]


def test_a_dialect_may_be_worse_by_one_word_in_a_hundred() -> None:
    long = [*heard("red green blue"), *RIGHT * 12]
    assert is_good({"native": [*RIGHT * 12, *heard("red green blue white")], "x": long})
    assert not is_good({"native": RIGHT, "x": heard("red green blue", "")})


def test_a_manifest_that_is_not_there_is_said_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--manifest", "/none.tsv"]) == 1
    assert "error: --manifest" in capsys.readouterr().err
