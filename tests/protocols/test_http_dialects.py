"""The HTTP dialects: golden answers, and forms of every kind."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols.transcripts import transcripts
from whispercpp_ws.errors import BadMessage, DecodeFailed, PeerError, Unauthorized
from whispercpp_ws.events import Final, SessionOptions
from whispercpp_ws.protocols import native, openai_rest, whispercpp_http
from whispercpp_ws.protocols.recording import Body, Recording


DEFAULTS = SessionOptions()
Step = dict[str, Any]


def answer(dialect: str, form: dict[str, list[str]], recording: Recording) -> Body:
    if dialect == "whispercpp_http":
        asked = whispercpp_http.read_form(form, DEFAULTS)
        return whispercpp_http.write_body(recording, asked)
    is_translation = dialect == "openai_translation"
    ask = openai_rest.read_form(form, DEFAULTS, translate=is_translation)
    return openai_rest.write_body(recording, ask)


def recording_of(told: Step) -> Recording:
    events = [native.decode_event(json.dumps(final)) for final in told["finals"]]
    finals = tuple(event for event in events if isinstance(event, Final))
    return Recording(told["seconds"], told["language"], finals)


GOLDEN = [
    path
    for dialect in ("whispercpp_http", "openai_rest", "openai_translation")
    for path in transcripts(dialect)
]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_answers_come_out_again(path: Path) -> None:
    steps = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    form, told, expected = steps
    body = answer(
        path.stem.split("-")[0], form["form"], recording_of(told["recording"])
    )
    text = json.loads(body.text) if "json" in expected else body.text
    assert body.content_type == expected["content_type"]
    assert text == expected.get("json", expected.get("text"))


def test_there_are_golden_answers_of_every_format() -> None:
    assert len(GOLDEN) >= 10


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"diarize": ["true"]}, "diarize"),
        ({"temperature": ["warm"]}, "temperature"),
        ({"offset_t": ["-1"]}, "offset_t"),
        ({"duration": ["nan"]}, "duration"),
        ({"language": ["klingon"]}, "lang"),
    ],
)
def test_whispercpp_forms_with_wrong_values_name_the_field(
    form: dict[str, list[str]], name: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        whispercpp_http.read_form(form, DEFAULTS)
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ({"response_format": ["diarized_json"]}, "response_format"),
        ({"known_speaker_names[]": ["Ann"]}, "known_speaker_names"),
        ({"temperature": ["1.5"]}, "temperature"),
        ({"timestamp_granularities[]": ["syllable"]}, "timestamp_granularities"),
        ({"stream": ["true"], "response_format": ["srt"]}, "response_format"),
        ({"language": ["xx"]}, "lang"),
    ],
)
def test_openai_forms_with_wrong_values_name_the_field(
    form: dict[str, list[str]], name: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        openai_rest.read_form(form, DEFAULTS)
    assert caught.value.field == name


def test_whispercpp_fields_become_options() -> None:
    form = {
        "language": ["German"],
        "translate": ["yes"],
        "prompt": ["Hallo"],
        "offset_t": ["1500"],
        "duration": ["2000"],
        "model": ["ignored"],
    }
    asked = whispercpp_http.read_form(form, DEFAULTS)
    assert asked.options == SessionOptions(
        language="de", translate=True, prompt="Hallo", partials=False
    )
    assert (asked.offset_s, asked.duration_s) == (1.5, 2.0)


@pytest.mark.parametrize("text", ["true", "1", "yes", "y"])
def test_whispercpp_knows_four_words_for_true(text: str) -> None:
    assert whispercpp_http.read_form({"translate": [text]}, DEFAULTS).options.translate


def test_whispercpp_takes_any_other_word_for_false() -> None:
    asked = whispercpp_http.read_form({"translate": ["TRUE"]}, DEFAULTS)
    assert not asked.options.translate


@pytest.mark.parametrize(
    "form",
    [
        {"timestamp_granularities[]": ["word", "segment"]},
        {"timestamp_granularities": ["word,segment"]},
    ],
)
def test_openai_lists_may_be_written_in_two_ways(form: dict[str, list[str]]) -> None:
    ask = openai_rest.read_form(form, DEFAULTS)
    assert ask.granularities == {"word", "segment"}


def test_openai_candidates_are_languages_to_choose_from() -> None:
    ask = openai_rest.read_form({"languages[]": ["de", "english"]}, DEFAULTS)
    assert ask.options.candidates == ("de", "en")


def test_deltas_joined_are_the_text() -> None:
    stream = openai_rest.EventStream()
    finals = [Final(n, text, n, n, "en", 1) for n, text in enumerate(["A b.", "", "C"])]
    deltas = "".join(stream.delta(final) for final in finals)
    events = [json.loads(line[6:]) for line in deltas.split("\n\n") if line]
    done = json.loads(stream.done()[6:])
    assert "".join(event["delta"] for event in events) == done["text"] == "A b. C"


def test_openai_errors_say_whose_fault_it_is() -> None:
    theirs = json.loads(openai_rest.error_body(Unauthorized("no")))["error"]
    ours = json.loads(openai_rest.error_body(DecodeFailed("no")))["error"]
    assert (theirs["type"], theirs["code"]) == (
        "invalid_request_error",
        "invalid_api_key",
    )
    assert ours["type"] == "server_error"


NAMES = st.sampled_from(
    ["language", "prompt", "response_format", "temperature", "stream", "offset_t"]
    + ["timestamp_granularities[]", "duration", "languages[]", "diarize", "offset_n"]
)
FORMS = st.dictionaries(NAMES, st.lists(st.text(max_size=20), min_size=1, max_size=3))


@given(FORMS)
def test_any_form_is_taken_or_the_peers_error(form: dict[str, list[str]]) -> None:
    recording = Recording(1.0, "en", (Final(1, "Yes.", 0, 1, "en", 0.0),))
    for dialect in ("whispercpp_http", "openai_rest", "openai_translation"):
        try:
            body = answer(dialect, form, recording)
        except PeerError as error:
            assert json.loads(openai_rest.error_body(error))["error"]["message"]
        else:
            assert body.text
