from whispercpp_ws.session.language import LanguageMemory, tokens_per_s


def test_a_fixed_language_is_used_as_it_is() -> None:
    memory = LanguageMemory()
    memory.hear("de")
    assert memory.assumed("ru") == "ru"


def test_auto_assumes_the_language_heard_before() -> None:
    memory = LanguageMemory()
    assert memory.assumed("auto") == "auto"
    memory.hear("de")
    assert memory.assumed("auto") == "de"


def test_dense_scripts_get_more_tokens() -> None:
    assert tokens_per_s("en") < tokens_per_s("ru") < tokens_per_s("zh")
    assert tokens_per_s("auto") == tokens_per_s("ja")
