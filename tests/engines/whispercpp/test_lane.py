import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.engines.whispercpp.conftest import loaded, spectrograms, window
from tests.engines.whispercpp.fake_whisper import FakeWhisper, texts
from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.whispercpp import lane as lane_module
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine
from whispercpp_ws.engines.whispercpp.lane import WARM_UPS, WhisperCppLane
from whispercpp_ws.engines.whispercpp.results import Model
from whispercpp_ws.engines.whispercpp.tokenizer import Tokenizer
from whispercpp_ws.engines.whispercpp.vad import SileroVad
from whispercpp_ws.errors import DecodeFailed, EngineError, RefusedInput, Superseded
from whispercpp_ws.transcript import Segment


def gated_lane(lib: FakeWhisper) -> WhisperCppLane:
    """Open a lane with a voice detector, whose handle is 7."""
    tokens, languages = Tokenizer(lib, 1), ("en", "de")
    model = Model(lib, 1, spectrograms(), tokens, languages, aligned=False)
    return WhisperCppLane(model, lambda: None, SileroVad(lib, 7))


def test_a_decode_gives_words_over_the_window(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.segments = [texts(["ask", "not"])]
    hypothesis = engine.open_lane().decode(window(second, language="de"))
    assert (hypothesis.text, hypothesis.language) == ("ask not", "de")
    assert [word.end_s for word in hypothesis.words] == [0.5, 1.0]
    assert hypothesis.token_count == 2
    assert hypothesis.mean_logprob == pytest.approx(-0.1)


def test_an_aligned_decode_gives_the_times_of_the_tokens(
    lib: FakeWhisper, second: Samples
) -> None:
    lib.segments = [[(b" for", -0.1), (b" you", -0.1), (b",", -0.1), (b" ask", -0.1)]]
    engine = loaded(lib, name="fake", lanes=1, aligned=True)
    words = engine.open_lane().decode(window(second)).words
    ends = [(word.text, round(word.end_s, 2)) for word in words]
    assert ends == [("for", 0.2), ("you,", 0.4), ("ask", 0.8)]


def test_no_text_is_an_empty_hypothesis(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.segments = []
    hypothesis = engine.open_lane().decode(window(second))
    assert (hypothesis.text, hypothesis.words) == ("", ())
    assert (hypothesis.token_count, hypothesis.mean_logprob) == (0, 0.0)


def test_a_window_without_speech_is_not_decoded(
    lib: FakeWhisper, second: Samples
) -> None:
    lib.vad_speech = 0.4
    lane = gated_lane(lib)
    heard = lane.decode(window(second, language="de"))
    assert (heard.text, heard.language, heard.speech_s) == ("", "de", 0.0)
    unknown = lane.decode(window(second, language="auto"))
    assert unknown.language_probability == 0.0
    assert lib.decodes == []


def test_a_warm_up_is_decoded_though_nobody_speaks_in_it(lib: FakeWhisper) -> None:
    lib.vad_speech = 0.0
    assert gated_lane(lib).warm_up() >= 0.0
    assert len(lib.decodes) == WARM_UPS


def test_the_fastest_decode_of_a_warm_up_counts(
    lib: FakeWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_s = iter([0.6, 0.3, 0.45])
    monkeypatch.setattr(WhisperCppLane, "_cpu_s_of", lambda *_: next(took_s))
    assert gated_lane(lib).warm_up() == pytest.approx(0.002)


def test_a_slow_model_warms_up_once(
    lib: FakeWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "WARM_UP_S", -1.0)
    gated_lane(lib).warm_up()
    assert len(lib.decodes) == 1


def test_a_window_with_speech_says_how_much(lib: FakeWhisper, second: Samples) -> None:
    heard = gated_lane(lib).decode(window(second))
    assert (heard.text, heard.speech_s) == ("hi", 32 * 0.032)


def test_speech_that_is_known_is_not_looked_for(
    lib: FakeWhisper, second: Samples
) -> None:
    lib.vad_speech = 0.0
    lane = gated_lane(lib)
    assert lane.decode(window(second, known_speech_s=2.0)).speech_s == 2.0
    assert lane.decode(window(second, known_speech_s=1.9)).speech_s == 0.0


def test_speech_is_looked_for_behind_the_context(
    lib: FakeWhisper, second: Samples
) -> None:
    heard = gated_lane(lib).decode(window(second, context_s=0.488))
    assert heard.speech_s == 16 * 0.032


def test_a_lane_takes_its_voice_detector_with_it(lib: FakeWhisper) -> None:
    lane = gated_lane(lib)
    lane.close()
    assert lib.freed[-2:] == [101, 7]


def test_a_decode_may_take_more_threads(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    lane.decode(replace(window(second), threads=3))
    lane.decode(window(second))
    assert [decode["n_threads"] for decode in lib.decodes] == [3, 1]


def test_a_state_hears_a_window_as_long_as_its_audio_ctx(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    engine.open_lane().decode(window(second))
    assert lib.heard == [(101, (2, 1200))]
    (decode,) = lib.decodes
    assert (decode["samples"], decode["duration_ms"]) == (None, 990)


def test_a_state_that_did_not_hear_a_window_decodes_nothing(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.bands = 80
    with pytest.raises(DecodeFailed, match="refused a spectrogram of 2 bands"):
        engine.open_lane().decode(window(second))
    assert lib.decodes == []


@pytest.mark.parametrize("count", [1, 1599, 3199])
def test_a_window_too_short_for_a_word_does_not_reach_c(
    engine: WhisperCppEngine, lib: FakeWhisper, count: int
) -> None:
    request = window(np.zeros(count, np.float32), language="auto")
    assert engine.open_lane().decode(request).text == ""
    assert lib.decodes == []


@pytest.mark.parametrize(
    ("samples", "options"),
    [
        (np.zeros(0, np.float32), {}),
        (np.zeros(16_000), {}),
        (np.zeros((16_000, 2), np.float32)[:, 0], {}),
        (np.full(16_000, np.nan, np.float32), {}),
        (np.zeros(480_001, np.float32), {"audio_ctx": 1500}),
        (np.zeros(16_000, np.float32), {"audio_ctx": 49}),
        (np.zeros(16_000, np.float32), {"audio_ctx": 0}),
        (np.zeros(16_000, np.float32), {"language": "xx"}),
        (np.zeros(16_000, np.float32), {"language": "yue"}),
        (np.zeros(16_000, np.float32), {"max_tokens": -1}),
        (np.zeros(16_000, np.float32), {"prompt": "a\0b"}),
    ],
)
def test_a_trap_is_refused_before_it_reaches_c(
    engine: WhisperCppEngine,
    lib: FakeWhisper,
    samples: Samples,
    options: dict[str, object],
) -> None:
    with pytest.raises(RefusedInput):
        engine.open_lane().decode(window(samples, **options))
    assert lib.decodes == []


def test_an_english_model_refuses_other_languages(second: Samples) -> None:
    lib = FakeWhisper(vocabulary=51864)
    lane = loaded(lib, name="x.en", lanes=1, aligned=False).open_lane()
    with pytest.raises(RefusedInput, match='"auto" or one of en'):
        lane.decode(window(second, language="de"))


def test_auto_on_an_english_model_is_english_without_detection(
    second: Samples,
) -> None:
    lib = FakeWhisper(vocabulary=51864)
    lane = loaded(lib, name="x.en", lanes=1, aligned=False).open_lane()
    assert lane.decode(window(second, language="auto")).language == "en"
    assert lane.detect_language(second) == ("en", 1.0)
    assert len(lib.decodes) == 1


def test_auto_is_detected_with_the_audio_ctx_of_the_same_request(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.probabilities[2] = 0.7
    hypothesis = engine.open_lane().decode(window(second, language="auto"))
    prepared, decoded = lib.decodes
    assert (prepared["audio_ctx"], prepared["duration_ms"]) == (600, 100)
    assert (hypothesis.language, decoded["language"]) == ("de", b"de")


def test_detection_ignores_languages_the_model_does_not_know(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.probabilities[1], lib.probabilities[99] = 0.2, 0.9
    code, probability = engine.open_lane().detect_language(second)
    assert (code, probability < 0.5) == ("zh", True)


def test_detection_chooses_among_the_candidates(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.probabilities[0], lib.probabilities[2], lib.probabilities[3] = 0.6, 0.3, 0.1
    options = DecodeOptions(language="auto", candidates=("de", "l3"))
    request = DecodeRequest(1, Priority.PARTIAL, second, options)
    said = engine.open_lane().decode(request)
    assert said.language == "de"
    assert said.language_probability == pytest.approx(0.75)


def test_a_candidate_the_model_does_not_know_is_refused(
    engine: WhisperCppEngine, second: Samples
) -> None:
    options = DecodeOptions(language="auto", candidates=("xx",))
    with pytest.raises(RefusedInput, match="language"):
        engine.open_lane().decode(DecodeRequest(1, Priority.FINAL, second, options))


def test_a_failed_detection_is_an_error(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.probabilities = []
    with pytest.raises(DecodeFailed, match="language could not be detected"):
        engine.open_lane().detect_language(second)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [(-2, "spectrogram"), (-6, "encoder"), (-9, "decoder step"), (-42, "unknown")],
)
def test_an_error_code_is_said_in_words(
    engine: WhisperCppEngine,
    lib: FakeWhisper,
    second: Samples,
    code: int,
    meaning: str,
) -> None:
    lib.code = code
    with pytest.raises(DecodeFailed, match=meaning) as caught:
        engine.open_lane().decode(window(second))
    assert caught.value.return_code == code


def poll(lib: FakeWhisper) -> object:
    """Ask as C does, between two steps, whether to go on."""
    return lib.decodes[-1]["abort_callback"](None)  # type: ignore[operator]


@pytest.mark.parametrize("code", [-6, -8, -9])
def test_a_decode_that_is_cancelled_is_superseded_and_its_lane_decodes_on(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples, code: int
) -> None:
    lane, answers, polled = engine.open_lane(), [False, True, True], list[object]()
    lib.during, lib.code = lambda: polled.append(poll(lib)), code
    with pytest.raises(Superseded):
        lane.decode(window(second), lambda: answers.pop(0))
    assert polled == [True]
    lib.code = 0
    assert lane.decode(window(second)).text == "hi"
    assert polled == [True, False]


def test_a_decode_cancelled_before_its_turn_never_reaches_c(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    with pytest.raises(Superseded):
        engine.open_lane().decode(window(second), lambda: True)
    assert lib.decodes == []


def test_a_failure_of_a_decode_that_is_cancelled_is_still_a_failure(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    answers = [False, True]
    lib.code = -7
    with pytest.raises(DecodeFailed, match="no memory"):
        engine.open_lane().decode(window(second), lambda: answers.pop(0))


def test_a_state_that_c_has_freed_is_neither_freed_nor_used_again(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    lib.code = -7
    with pytest.raises(DecodeFailed, match="no memory"):
        lane.decode(window(second))
    lib.code = 0
    lane.decode(window(second))
    lane.close()
    assert [decode["state"] for decode in lib.decodes] == [101, 102]
    assert lib.freed == [102]


def test_a_lane_that_lost_its_state_closes_without_freeing(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    lib.code = -7
    with pytest.raises(DecodeFailed):
        lane.decode(window(second))
    lane.close()
    assert lib.freed == []


def test_two_threads_on_one_lane_are_refused(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    refused: list[RefusedInput] = []

    def decode_meanwhile() -> None:
        try:
            lane.decode(window(second))
        except RefusedInput as error:
            refused.append(error)

    def during() -> None:
        thread = threading.Thread(target=decode_meanwhile)
        thread.start()
        thread.join()

    lib.during = during
    lane.decode(window(second))
    assert "one thread at a time" in str(refused[0])
    assert len(lib.decodes) == 1


def test_a_busy_lane_cannot_be_closed(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    lib.during = lane.close
    with pytest.raises(RefusedInput, match="one thread"):
        lane.decode(window(second))
    assert lib.freed == []


def test_closing_a_lane_twice_frees_it_once(
    engine: WhisperCppEngine, lib: FakeWhisper
) -> None:
    lane = engine.open_lane()
    lane.close()
    lane.close()
    assert lib.freed == [101]


def test_a_closed_lane_is_refused(engine: WhisperCppEngine, second: Samples) -> None:
    lane = engine.open_lane()
    lane.close()
    with pytest.raises(RefusedInput, match="closed"):
        lane.decode(window(second))


def test_a_lane_that_rests_frees_its_state_until_the_next_decode(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    lane.rest()
    assert (lib.freed, lib.trimmed) == ([101], 1)
    assert lane.decode(window(second)).text == "hi"
    assert lib.decodes[0]["state"] == 102


def test_no_memory_for_a_lane_is_an_error(
    engine: WhisperCppEngine, lib: FakeWhisper
) -> None:
    lib.states = []
    with pytest.raises(EngineError, match="no memory for one more lane"):
        engine.open_lane()


def test_a_file_gives_segments_with_words_as_they_come(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.segments = [texts(["hi"]), texts(["hi"])]
    lib.during = lambda: notify(lib)
    seen: list[Segment] = []
    done = engine.open_lane().transcribe(second, DecodeOptions(), seen.append)
    assert tuple(seen) == done.segments
    assert [(one.text, one.start_s, one.end_s) for one in seen] == [
        ("hi", 0.0, 1.0),
        ("hi", 1.0, 2.0),
    ]


def test_a_file_is_decoded_on_full_windows_with_a_fresh_state(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    engine.open_lane().transcribe(second, DecodeOptions(audio_ctx=50), ignore)
    assert (lib.decodes[0]["audio_ctx"], lib.decodes[0]["state"]) == (1500, 102)
    assert lib.freed == [101]


def test_the_language_of_a_file_is_detected_once(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.probabilities[2] = 0.7
    options = DecodeOptions(language="auto")
    said = engine.open_lane().transcribe(second, options, ignore)
    assert said.language == "de"
    assert lib.decodes[-1]["language"] == b"de"


def test_a_file_too_short_for_a_word_has_no_segments(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lane = engine.open_lane()
    assert lane.transcribe(second[:3199], DecodeOptions(), ignore).segments == ()
    assert lib.decodes == []


def test_a_file_is_refused_where_alignment_could_abort(
    lib: FakeWhisper, second: Samples
) -> None:
    engine = loaded(lib, name="fake", lanes=1, aligned=True)
    with pytest.raises(RefusedInput, match="word_times=False"):
        engine.open_lane().transcribe(second, DecodeOptions(), ignore)


def test_an_exception_of_the_listener_ends_the_decode_and_is_raised(
    engine: WhisperCppEngine, lib: FakeWhisper, second: Samples
) -> None:
    lib.during = lambda: notify(lib)
    lib.code = -6
    lane = engine.open_lane()
    with pytest.raises(ZeroDivisionError):
        lane.transcribe(second, DecodeOptions(), fail)


def ignore(_segment: Segment) -> None:
    pass


def fail(_segment: Segment) -> None:
    raise ZeroDivisionError


def notify(lib: FakeWhisper) -> None:
    """Call back as whisper_full does, and check that it may go on."""
    lib.decodes[-1]["new_segment_callback"](1, 2, 1, None)  # type: ignore[operator]
    lib.decodes[-1]["abort_callback"](None)  # type: ignore[operator]
