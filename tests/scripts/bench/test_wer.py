from scripts.bench.wer import Edits, edits, normalised, total


def test_english_contractions_and_numbers_are_written_out() -> None:
    assert normalised("It's twenty-one, Mr. Smith", "en") == "it is 21 mister smith"


def test_russian_yo_and_number_words_are_folded() -> None:
    text = "Ещё две тысячи тринадцать, ёлка"
    assert normalised(text, "ru") == "еще 2013 елка"


def test_chinese_is_scored_by_character() -> None:
    assert edits("自定义", "自订义", "zh") == Edits(hits=2, substitutions=1)


def test_errors_are_told_apart() -> None:
    found = edits("a b c d", "a x c d e", "de")
    assert found == Edits(hits=3, substitutions=1, insertions=1)
    assert found.rate_percent == 50.0


def test_an_empty_hypothesis_is_all_deletions() -> None:
    assert edits("well done", "", "en") == Edits(deletions=2)


def test_text_without_a_reference_is_all_insertions_and_no_rate() -> None:
    found = edits("", "thank you", "en")
    assert (found, found.rate_percent) == (Edits(insertions=2), None)


def test_long_clips_weigh_more_in_a_total() -> None:
    found = total([Edits(hits=9, deletions=1), Edits(deletions=1, insertions=1)])
    assert (found.reference_words, found.hypothesis_words) == (11, 10)
    assert found == Edits(hits=9, deletions=2, insertions=1)
