"""What a client asks for against what is loaded."""

import pytest

from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import BadMessage, BadStart, UnknownModel
from whispercpp_ws.events import Reconfigure, SessionOptions, Start
from whispercpp_ws.server.negotiate import accepted_options, check_change


INFO = EngineInfo("whisper.cpp 1.8.5", "base-q8_0", ("en", "ru"), lanes=2)
ENGLISH = EngineInfo("whisper.cpp 1.8.5", "tiny.en-f16", ("en",), lanes=2)


@pytest.mark.parametrize("model", ["", "base", "base-q8_0"])
def test_the_loaded_model_may_be_named_with_or_without_its_quant(model: str) -> None:
    options = SessionOptions(model=model, language="ru")
    assert accepted_options(Start(options), INFO) == options


@pytest.mark.parametrize("model", ["tiny", "base-q5_1", "../base", "BASE", "q8_0"])
def test_another_model_is_refused_with_what_is_loaded(model: str) -> None:
    with pytest.raises(UnknownModel, match="one of base, base-q8_0") as refused:
        accepted_options(Start(SessionOptions(model=model)), INFO)
    assert refused.value.field == "model"


def test_a_language_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(BadStart, match="auto or one of en, ru") as refused:
        accepted_options(Start(SessionOptions(language="fr")), INFO)
    assert refused.value.field == "lang"


def test_auto_is_settled_where_there_is_one_language() -> None:
    options = accepted_options(Start(SessionOptions()), ENGLISH)
    assert options.language == "en"
    assert accepted_options(Start(SessionOptions()), INFO).language == "auto"


def test_changes_are_checked_the_same_way() -> None:
    check_change(Reconfigure(), INFO)
    check_change(Reconfigure(language="ru", model="base"), INFO)
    with pytest.raises(BadMessage):
        check_change(Reconfigure(language="fr"), INFO)
    with pytest.raises(UnknownModel):
        check_change(Reconfigure(model="tiny"), INFO)
