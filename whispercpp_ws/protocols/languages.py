"""The languages Whisper knows, and how clients write them."""

from whispercpp_ws.errors import BadMessage


AUTO = "auto"
"""The client leaves the language to detection."""

LANGUAGES: tuple[str, ...] = tuple(
    """
    en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da
    hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy
    ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht
    ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue
    """.split()
)
"""Codes in the order of Whisper's language tokens (whisper.cpp `g_lang`); only
large-v3 knows the last, `yue`."""

_NAMES = """
    english chinese german spanish russian korean french japanese portuguese
    turkish polish catalan dutch arabic swedish italian indonesian hindi finnish
    vietnamese hebrew ukrainian greek malay czech romanian danish hungarian
    tamil norwegian thai urdu croatian bulgarian lithuanian latin maori
    malayalam welsh slovak telugu persian latvian bengali serbian azerbaijani
    slovenian kannada estonian macedonian breton basque icelandic armenian
    nepali mongolian bosnian kazakh albanian swahili galician marathi punjabi
    sinhala khmer shona yoruba somali afrikaans occitan georgian belarusian
    tajik sindhi gujarati amharic yiddish lao uzbek faroese haitian_creole
    pashto turkmen nynorsk maltese sanskrit luxembourgish myanmar tibetan
    tagalog malagasy assamese tatar hawaiian lingala hausa bashkir javanese
    sundanese cantonese
""".split()
"""Names of the same languages in the same order (`whisper_lang_str_full`)."""
_NAME_OF = {
    code: name.replace("_", " ") for code, name in zip(LANGUAGES, _NAMES, strict=True)
}
_CODE_OF = {name: code for code, name in _NAME_OF.items()}

_KNOWN = frozenset(LANGUAGES)


def language_code(text: str, *, error: type[BadMessage] = BadMessage) -> str:
    """
    Reduce a language tag such as "ru-RU", "RU" or "pt_BR" to Whisper's code.

    "auto" and the empty string are "auto".

    Raises:
        BadMessage: Whisper has no such language; `error` is raised, naming `lang`.
    """
    code = text.strip().lower().replace("_", "-").split("-")[0] or AUTO
    if code != AUTO and code not in _KNOWN:
        raise error.expected("lang", 'a code such as "en", or "auto"', text)
    return code


def language_name(code: str) -> str:
    """Return the English name that HTTP dialects give a language, such as "german"."""
    return _NAME_OF.get(code, code)


def named_language(text: str, *, error: type[BadMessage] = BadMessage) -> str:
    """Reduce a tag or an English name to Whisper's code; raises as `language_code`."""
    name = text.strip().lower()
    return _CODE_OF.get(name) or language_code(name, error=error)
