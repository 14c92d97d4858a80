"""Reading and writing commands."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whispercpp_ws.errors import BadJson, BadMessage, BadStart, PeerError
from whispercpp_ws.events import (
    AudioFormat,
    Command,
    Encoding,
    End,
    Flush,
    Hold,
    Reconfigure,
    SessionOptions,
    Start,
)
from whispercpp_ws.protocols.native_commands import decode_command, encode_command


def started(**fields: Any) -> Start:
    command = decode_command(json.dumps({"op": "start", **fields}))
    assert isinstance(command, Start)
    return command


def test_only_op_is_required() -> None:
    assert started() == Start(SessionOptions())


def test_every_field_of_start_is_read() -> None:
    command = started(
        format="F32LE",
        rate=48_000,
        channels=2,
        lang="ru-RU",
        token="a.b.c",
        model="base",
        words=False,
        partials=False,
        prompt="Привет",
        endpoint_ms=900,
    )
    audio = AudioFormat(Encoding.F32LE, 48_000, 2)
    options = SessionOptions(
        audio, "ru", "base", False, False, "Привет", endpoint_ms=900
    )
    assert command == Start(options, token="a.b.c")


def test_a_vosk_like_browser_client_is_understood() -> None:
    command = started(format="pcm16le", rate=16_000, channels=1, lang="en")
    assert command.options.audio == AudioFormat()


def test_resume_names_a_session_and_an_offset() -> None:
    command = started(resume="abc", offset=2.4)
    assert (command.resume, command.offset_s) == ("abc", 2.4)


def test_what_start_leaves_out_is_the_servers_default() -> None:
    defaults = SessionOptions(language="de", words=False, endpoint_ms=800)
    command = decode_command('{"op":"start","words":true}', defaults)
    assert command == Start(SessionOptions(language="de", endpoint_ms=800))


def test_unknown_fields_are_ignored() -> None:
    assert started(color="red", phrase_list=[1]) == started()


@pytest.mark.parametrize("lang", ["auto", None, "", "AUTO"])
def test_no_language_is_auto(lang: str | None) -> None:
    assert started(lang=lang).options.language == "auto"


@pytest.mark.parametrize("name", ["token", "model", "prompt", "resume"])
def test_null_text_is_no_text(name: str) -> None:
    assert started(**{name: None}) == started()


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert started(rate=48_000.0).options.audio.rate == 48_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "mp3"),
        ("format", 16),
        ("rate", "16000"),
        ("rate", True),
        ("rate", None),
        ("rate", 7_999),
        ("rate", 192_001),
        ("rate", 16_000.5),
        ("rate", 10**4000),
        ("channels", 0),
        ("channels", 9),
        ("channels", []),
        ("lang", "klingon"),
        ("lang", 5),
        ("lang", []),
        ("lang", ["en", 5]),
        ("lang", ["en", "klingon"]),
        ("lang", ["en"] * 101),
        ("translate", "yes"),
        ("lang", "ru" * 60),
        ("token", {}),
        ("token", "x" * 4097),
        ("model", 1),
        ("model", "m" * 101),
        ("words", 1),
        ("words", "true"),
        ("partials", None),
        ("prompt", ["a"]),
        ("prompt", "a" * 801),
        ("prompt", "a\0b"),
        ("endpoint_ms", 199),
        ("endpoint_ms", 5001),
        ("endpoint_ms", "600"),
        ("resume", 7),
        ("offset", -1),
        ("offset", "2"),
        ("offset", 1e300),
        ("offset", 10**400),
    ],
)
def test_a_wrong_value_in_start_names_its_field(field: str, value: object) -> None:
    with pytest.raises(BadStart) as refused:
        started(**{field: value})
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: expected ")


def test_a_list_of_languages_is_what_detection_chooses_from() -> None:
    options = started(lang=["ru-RU", "en", "ru"]).options
    assert (options.language, options.candidates) == ("auto", ("ru", "en"))
    assert started(lang=["ru", "auto"]).options.candidates == ()


def test_a_single_language_replaces_the_list_of_the_server() -> None:
    defaults = SessionOptions(candidates=("de", "fr"))
    command = decode_command('{"op":"start","lang":"ru"}', defaults)
    assert isinstance(command, Start)
    assert (command.options.language, command.options.candidates) == ("ru", ())


def test_translation_is_asked_for_by_start() -> None:
    assert started(translate=True).options.translate


def test_set_changes_only_what_it_names() -> None:
    command = decode_command('{"op":"set","lang":"en","partials":false}')
    assert command == Reconfigure(language="en", partials=False, candidates=())


def test_set_may_change_everything() -> None:
    change = Reconfigure("ru", "base", "", True, False, 700, ())
    assert decode_command(encode_command(change)) == change


def test_a_wrong_value_in_set_is_a_bad_message() -> None:
    with pytest.raises(BadMessage) as refused:
        decode_command('{"op":"set","endpoint_ms":1}')
    assert (refused.value.code, refused.value.field) == ("bad_message", "endpoint_ms")


@pytest.mark.parametrize("op", ['"sing"', "null", "1", "[]", '"START"'])
def test_an_unknown_op_is_a_bad_message(op: str) -> None:
    with pytest.raises(BadMessage) as refused:
        decode_command(f'{{"op":{op}}}')
    assert (refused.value.code, refused.value.field) == ("bad_message", "op")


@pytest.mark.parametrize(
    "command",
    [
        Start(SessionOptions(model="base", prompt="Hi"), token="t"),
        Start(SessionOptions(candidates=("ru", "en"), translate=True)),
        Reconfigure(language="auto", candidates=("de", "fr")),
        Hold(),
        Start(SessionOptions(), resume="abc", offset_s=1.5),
        Reconfigure(),
        Flush(),
        End(),
    ],
    ids=repr,
)
def test_commands_survive_the_wire(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


def test_only_commands_can_be_written() -> None:
    with pytest.raises(TypeError, match="expected a Command, got str"):
        encode_command("start")  # type: ignore[arg-type]


SPITEFUL = {
    "deep arrays": "[" * 60_000,
    "deep objects": '{"a":' * 12_000,
    "deep but closed": "[" * 900 + "]" * 900,
    "a huge integer": '{"op":"start","rate":' + "9" * 60_000 + "}",
    "a long integer": '{"op":"start","rate":' + "9" * 4_000 + "}",
    "a megabyte": '{"op":"start","rate":' + "9" * 1_000_000 + "}",
    "not a number": '{"op":"start","rate":NaN}',
    "infinity": '{"op":"start","rate":-Infinity}',
    "a float overflow": '{"op":"start","offset":1e999}',
    "a repeated key": '{"op":"start","op":"end"}',
    "a repeated key inside": '{"op":"start","x":{"a":1,"a":2}}',
    "a lone surrogate": '{"op":"start","prompt":"\\ud800"}',
    "a raw surrogate": '{"op":"start","prompt":"\ud800"}',
    "a surrogate key": '{"op":"start","\\udfff":1}',
    "nothing": "",
    "NUL": "\0",
    "two objects": "{}{}",
}


@pytest.mark.parametrize("text", SPITEFUL.values(), ids=SPITEFUL)
def test_spiteful_json_is_refused_quickly(text: str) -> None:
    started_s = time.perf_counter()
    with pytest.raises((BadJson, BadStart)):
        decode_command(text)
    # The limit is 50 ms; ten times that, for a machine that is busy with other tests.
    assert time.perf_counter() - started_s < 0.5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    "format rate channels lang token model words partials prompt endpoint_ms resume "
    "offset".split()
)


@given(st.sampled_from(["start", "set", "flush", "x"]), st.dictionaries(NAMES, VALUES))
def test_any_fields_raise_only_peer_errors(op: str, fields: dict[str, object]) -> None:
    try:
        decode_command(json.dumps({"op": op, **fields}))
    except PeerError as error:
        str(error).encode()


@given(st.text())
@example("9" * 5000)
def test_any_text_raises_only_peer_errors(text: str) -> None:
    with suppress(PeerError):
        assert isinstance(decode_command(text), Command)
