"""The JSON of Vosk's recogniser (vosk-api recognizer.cc), made from finals."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from whispercpp_ws.events import Final
from whispercpp_ws.protocols.json_object import JsonObject
from whispercpp_ws.transcript import Word, join_words


@dataclass(frozen=True, slots=True)
class VoskForm:
    """How a connection wants its results."""

    words: bool = True
    max_alternatives: int = 0
    """0 is one result with confidences by word; more is a list, of one here."""
    keep_case: bool = False
    """Keep Whisper's capitals and punctuation, which Vosk does not have."""


def partial_frame(text: str, form: VoskForm) -> str:
    """Write a partial; Vosk has the empty one too."""
    return _frame({"partial": _line(text, form)})


def result_frame(finals: Sequence[Final], form: VoskForm) -> str:
    """Write one result of any number of finals; none give the empty result."""
    text = join_words([_whole(line) for f in finals if (line := _line(f.text, form))])
    words = [word for final in finals for word in _words(final, form)]
    if form.max_alternatives:
        return _frame({"alternatives": [_alternative(text, words, finals)]})
    body: JsonObject = {"text": text}
    if words:
        body["result"] = [_word(word) | {"conf": _short(word)} for word in words]
    return _frame(body)


def _alternative(
    text: str, words: Sequence[Word], finals: Sequence[Final]
) -> JsonObject:
    confidence = min((final.confidence for final in finals), default=1.0)
    body: JsonObject = {"confidence": round(confidence, 6), "text": text}
    return body | {"result": [_word(word) for word in words]} if words else body


def _words(final: Final, form: VoskForm) -> Iterable[Word]:
    if not form.words:
        return
    for word in final.words or ():
        if text := _line(word.text, form):
            yield replace(word, text=text)


def _word(word: Word) -> JsonObject:
    # Three digits: the C# example reads a whole result into 4096 bytes.
    return {
        "word": word.text,
        "start": round(word.start_s, 3),
        "end": round(word.end_s, 3),
    }


def _short(word: Word) -> float:
    return round(word.confidence, 3)


def _whole(line: str) -> Word:
    return Word(line, 0.0, 0.0, 1.0)


def _line(text: str, form: VoskForm) -> str:
    # FreeSWITCH takes a reply with two double quotes in a row for an empty one, and a
    # text that ends in one becomes that in JSON.
    if form.keep_case:
        return text.strip().replace('"', "'")
    plain = "".join(c if _is_plain(c) else " " for c in text.lower())
    return " ".join(word for part in plain.split() if (word := part.strip("'-")))


def _is_plain(character: str) -> bool:
    return character in "'-" or unicodedata.category(character)[0] in "LMN"


def _frame(body: JsonObject) -> str:
    # Vosk's keys are in order and its colons have spaces around them.
    return json.dumps(
        body, ensure_ascii=False, sort_keys=True, separators=(", ", " : ")
    )
