import pytest

from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import DecodeOptions
from whispercpp_ws.engines.whispercpp import settings
from whispercpp_ws.engines.whispercpp.settings import FILE, WINDOW, Mode, decode_params
from whispercpp_ws.engines.whispercpp.structs import FullParams


def params(lib: FakeWhisper, mode: Mode, **options: int) -> FullParams:
    return decode_params(
        lib,
        mode,
        DecodeOptions(max_tokens=options.get("max_tokens", 0), translate=True),
        language="de",
        audio_ctx=321,
        prompt=range(options.get("prompt", 0)),
    )


def test_every_field_of_the_struct_is_set_on_every_call() -> None:
    fields = {field[0] for field in FullParams._fields_}
    for mode in (WINDOW, FILE):
        constant = settings._FIXED | mode.fields
        assert constant.keys() | set(settings.VARIABLE_FIELDS) == fields


@pytest.mark.parametrize("mode", [WINDOW, FILE])
@pytest.mark.parametrize(
    ("field", "safe"),
    [
        ("n_threads", 1),
        ("suppress_regex", None),
        ("initial_prompt", None),
        ("carry_initial_prompt", False),
        ("no_context", True),
        ("detect_language", False),
        ("vad", False),
        ("vad_model_path", None),
        ("debug_mode", False),
        ("print_progress", False),
        ("print_realtime", False),
        ("grammar_rules", None),
        ("n_grammar_rules", 0),
        ("tdrz_enable", False),
        ("offset_ms", 0),
        ("duration_ms", 0),
        ("max_len", 0),
        ("strategy", 0),
        ("temperature", 0.0),
    ],
)
def test_a_trap_always_has_its_safe_value(
    lib: FakeWhisper, mode: Mode, field: str, safe: object
) -> None:
    assert getattr(params(lib, mode), field) == safe


@pytest.mark.parametrize("mode", [WINDOW, FILE])
def test_the_stale_no_speech_probability_is_never_used(
    lib: FakeWhisper, mode: Mode
) -> None:
    assert params(lib, mode).no_speech_thold > 1


@pytest.mark.parametrize("mode", [WINDOW, FILE])
def test_there_are_never_more_than_eight_decoders(lib: FakeWhisper, mode: Mode) -> None:
    chosen = params(lib, mode)
    assert 1 <= chosen.greedy.best_of <= 2
    assert chosen.beam_search.beam_size == -1


def test_a_window_is_one_greedy_pass_without_timestamps(lib: FakeWhisper) -> None:
    chosen = params(lib, WINDOW)
    assert chosen.no_timestamps and chosen.single_segment
    assert chosen.temperature_inc == 0 and chosen.greedy.best_of == 1
    assert not chosen.token_timestamps


def test_a_file_has_timestamps_and_a_fallback(lib: FakeWhisper) -> None:
    chosen = params(lib, FILE)
    assert chosen.token_timestamps and not chosen.no_timestamps
    assert chosen.temperature_inc == pytest.approx(0.2)


def test_what_a_request_chooses_is_set(lib: FakeWhisper) -> None:
    chosen = params(lib, WINDOW, max_tokens=30)
    assert (chosen.language, chosen.audio_ctx) == (b"de", 321)
    assert (chosen.translate, chosen.max_tokens) == (True, 30)


def test_max_tokens_stop_at_what_a_window_can_have(lib: FakeWhisper) -> None:
    assert params(lib, WINDOW, max_tokens=999).max_tokens == 224


@pytest.mark.parametrize(("mode", "longest"), [(WINDOW, 223), (FILE, 63)])
def test_a_prompt_keeps_its_last_tokens(
    lib: FakeWhisper, mode: Mode, longest: int
) -> None:
    chosen = params(lib, mode, prompt=1000)
    assert chosen.prompt_n_tokens == longest
    assert chosen.prompt_tokens[longest - 1] == 999


def test_no_prompt_is_a_null_pointer(lib: FakeWhisper) -> None:
    chosen = params(lib, WINDOW)
    assert not chosen.prompt_tokens
    assert chosen.prompt_n_tokens == 0


def test_no_callback_is_left_set(lib: FakeWhisper) -> None:
    chosen = params(lib, WINDOW)
    names = [name for name in settings.VARIABLE_FIELDS if name.endswith("_callback")]
    assert len(names) == 5
    assert not any(getattr(chosen, name) for name in names)
