from hypothesis import given
from hypothesis import strategies as st

from tests.session.words import spoken
from whispercpp_ws.session.agreement import LocalAgreement, normalise


def receive(agreement: LocalAgreement, text: str, until_s: float = 99.0) -> str:
    agreement.receive(spoken(text), settled_until_s=until_s)
    return agreement.stable


def test_a_word_heard_once_is_only_tentative() -> None:
    agreement = LocalAgreement()
    assert receive(agreement, "hello world") == ""
    assert agreement.text == "hello world"


def test_words_that_two_decodes_agree_on_are_stable() -> None:
    agreement = LocalAgreement()
    receive(agreement, "Hello word")
    assert receive(agreement, "hello, world and") == "hello,"
    assert agreement.text == "hello, world and"


def test_a_word_at_the_edge_is_not_yet_stable() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two three")
    assert receive(agreement, "one two three", until_s=0.9) == "one two"


def test_a_later_change_before_the_stable_words_does_not_change_them() -> None:
    agreement = LocalAgreement()
    receive(agreement, "my fellow americans")
    receive(agreement, "my fellow americans ask")
    assert receive(agreement, "And my fellow americans ask not") == (
        "my fellow americans ask"
    )
    assert agreement.text == "my fellow americans ask not"


def test_nothing_alike_keeps_as_many_words_as_are_stable() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two")
    receive(agreement, "one two")
    assert receive(agreement, "eins zwei drei") == "one two"
    assert agreement.text == "one two drei"


def test_a_closed_window_stands_and_the_next_starts_behind_it() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two")
    agreement.close_part(spoken("one two three"))
    assert agreement.stable == "one two three"
    receive(agreement, "four five")
    assert receive(agreement, "four five six") == "one two three four five"


def test_words_heard_behind_a_closed_part_stay_tentative() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two")
    agreement.close_part(spoken("one two three"), spoken("four five"))
    assert agreement.stable == "one two three"
    assert agreement.text == "one two three four five"
    assert receive(agreement, "four five six") == "one two three four five"


def test_stable_words_behind_a_closed_part_are_of_the_next() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two three four five")
    receive(agreement, "one two three four five")
    agreement.close_part(spoken("one two three"), spoken("four five six"))
    assert agreement.stable == "one two three four five"
    assert agreement.text == "one two three four five six"
    assert receive(agreement, "four five six") == "one two three four five six"


def test_a_window_that_moved_on_joins_at_the_words_that_stayed() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two three four five")
    receive(agreement, "one two three four five")
    agreement.move_window(3)
    receive(agreement, "four five six")
    assert receive(agreement, "ee four five six seven") == (
        "one two three four five six"
    )
    agreement.receive_part(spoken("one two three four five six 7"), settled_until_s=9)
    assert agreement.text == "one two three four five six 7"


def test_a_decode_says_how_many_of_its_words_are_stable() -> None:
    agreement = LocalAgreement()
    assert agreement.receive(spoken("one two"), settled_until_s=9.0) == 0
    assert agreement.receive(spoken("one two three"), settled_until_s=9.0) == 2
    assert agreement.receive(spoken("and one two three"), settled_until_s=9.0) == 0


def test_a_window_moves_no_further_than_the_stable_words() -> None:
    agreement = LocalAgreement()
    receive(agreement, "one two")
    receive(agreement, "one two")
    agreement.move_window(9)
    receive(agreement, "three")
    assert agreement.text == "one two three"


def test_chinese_agrees_by_characters() -> None:
    agreement = LocalAgreement()
    receive(agreement, "你 好 吗")
    assert receive(agreement, "你 好 世 界") == "你好"
    assert agreement.text == "你好世界"


def test_normalising_drops_case_and_punctuation_but_never_everything() -> None:
    assert normalise("Дела?") == normalise("дела")
    assert normalise("...") == "..."


LINES = st.lists(st.sampled_from(["a", "b", "c", "A,"]), max_size=6).map(" ".join)


@given(st.lists(st.tuples(LINES, st.floats(0, 3)), max_size=12))
def test_stable_text_only_grows(decodes: list[tuple[str, float]]) -> None:
    agreement = LocalAgreement()
    before = ""
    for line, until_s in decodes:
        stable = receive(agreement, line, until_s)
        assert stable.startswith(before)
        assert agreement.text.startswith(stable)
        before = stable
