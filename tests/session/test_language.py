from whispercpp_ws.session.language import LanguageMemory, tokens_per_s


def test_a_fixed_language_is_used_as_it_is() -> None:
    memory = LanguageMemory(switch_probability=0.7)
    memory.hear("de", 0.9)
    assert memory.assumed("ru") == "ru"


def test_auto_assumes_the_language_heard_before() -> None:
    memory = LanguageMemory(switch_probability=0.7)
    assert memory.assumed("auto") == "auto"
    memory.hear("de", 0.3)
    assert memory.assumed("auto") == "de"


def test_only_a_sure_detection_leaves_the_language_heard_before() -> None:
    memory = LanguageMemory(switch_probability=0.7)
    assert memory.hear("ru", 0.4) == "ru"
    assert memory.hear("cy", 0.5) == "ru"
    assert memory.hear("en", 0.8) == "en"
    assert memory.hear("ru", 0.6) == "en"


def test_a_window_without_speech_says_nothing_of_the_language() -> None:
    memory = LanguageMemory(switch_probability=0.7)
    assert memory.hear("en", 0.0) == "en"
    assert memory.assumed("auto") == "auto"
    memory.hear("ru", 0.9)
    assert memory.hear("en", 0.0) == "ru"


def test_dense_scripts_get_more_tokens() -> None:
    assert tokens_per_s("en") == tokens_per_s("ru") < tokens_per_s("zh")
    assert tokens_per_s("auto") == tokens_per_s("ja")
