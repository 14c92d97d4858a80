"""Match what a client asks for with what is loaded."""

import re
from dataclasses import replace

from whispercpp_ws.engines.base import EngineInfo
from whispercpp_ws.errors import BadMessage, BadStart, UnknownModel
from whispercpp_ws.events import Reconfigure, SessionOptions, Start


_QUANT_SUFFIX = re.compile(r"-(q\d_[01k]|f16|f32)$")


def accepted_options(start: Start, info: EngineInfo) -> SessionOptions:
    """
    Return the options a session gets; "auto" is settled where there is no choice.

    Raises:
        UnknownModel: `model` is not the one that is loaded.
        BadStart: the model does not know `lang`.
    """
    check_model(start.options.model, info)
    for code in (start.options.language, *start.options.candidates):
        check_language(code, info, error=BadStart)
    if len(info.languages) == 1:
        return replace(start.options, language=info.languages[0])
    return start.options


def check_change(change: Reconfigure, info: EngineInfo) -> None:
    """Refuse a `set` with a model or language there is not; raises BadMessage."""
    check_model(change.model or "", info)
    for code in (change.language or "auto", *(change.candidates or ())):
        check_language(code, info, error=BadMessage)


def check_model(name: str, info: EngineInfo) -> None:
    """Take the loaded model's name, with or without its quantisation, or none."""
    if name and not is_named(name, info):
        plain = _plain(info.model)
        raise UnknownModel.expected("model", f"one of {plain}, {info.model}", name)


def is_named(name: str, info: EngineInfo) -> bool:
    """Tell whether a name is the model's, with or without its quantisation."""
    return name in {info.model, _plain(info.model)}


def _plain(name: str) -> str:
    return _QUANT_SUFFIX.sub("", name)


def check_language(code: str, info: EngineInfo, *, error: type[BadMessage]) -> None:
    """Take a language that the loaded model knows, or "auto"."""
    if code != "auto" and code not in info.languages:
        known = ", ".join(info.languages)
        raise error.expected("lang", f"auto or one of {known}", code)
