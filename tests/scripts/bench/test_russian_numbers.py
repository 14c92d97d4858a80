import pytest

from scripts.bench.russian_numbers import fold_numbers


@pytest.mark.parametrize(
    ("words", "folded"),
    [
        ("двадцать пять", "25"),
        ("пять пять", "5 5"),
        ("сто два", "102"),
        ("сто двести", "100 200"),
        ("две тысячи тринадцать", "2013"),
        ("тысяча девятьсот сорок один", "1941"),
        ("шестьдесят тысяч тенге", "60000 тенге"),
        ("60 тысяч", "60000"),
        ("тысяча тысяч", "1000 1000"),
        ("нажмите один или 2", "нажмите 1 или 2"),
        ("двадцать ноль", "20 0"),
        ("2013 год", "2013 год"),
        ("", ""),
    ],
)
def test_number_words_become_figures(words: str, folded: str) -> None:
    assert " ".join(fold_numbers(words.split())) == folded
