from whispercpp_ws.transcript import Word, is_unspaced, join_words


def word(text: str) -> Word:
    return Word(text, 1.0, 1.5, 0.9)


def test_words_are_joined_with_spaces() -> None:
    assert join_words([word("привет,"), word("как")]) == "привет, как"


def test_scripts_without_spaces_are_joined_without() -> None:
    assert join_words([word("你"), word("好"), word("OK")]) == "你好OK"
    assert join_words([]) == ""


def test_kana_ideographs_and_full_width_signs_are_unspaced() -> None:
    assert all(map(is_unspaced, "あア漢、！"))
    assert not any(map(is_unspaced, "a한я"))


def test_a_shifted_word_keeps_its_length() -> None:
    assert word("a").shifted(2.5) == Word("a", 3.5, 4.0, 0.9)
