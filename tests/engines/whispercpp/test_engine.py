from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.engines.whispercpp.conftest import loaded, window
from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import DecodeOptions, Samples
from whispercpp_ws.engines.whispercpp import engine as engine_module
from whispercpp_ws.engines.whispercpp.alignment import AlignmentPreset
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine, context_params
from whispercpp_ws.errors import BadModelFile, RefusedInput
from whispercpp_ws.transcript import Hypothesis, Segment


JFK = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
).split()


def plain(hypothesis: Hypothesis) -> list[str]:
    return [word.text.strip(",.!?").lower() for word in hypothesis.words]


@pytest.mark.parametrize("preset", [None, AlignmentPreset(6, 8)])
def test_flash_attention_is_always_off(
    lib: FakeWhisper, preset: AlignmentPreset | None
) -> None:
    params = context_params(lib, preset, use_gpu=True)
    assert params.flash_attn is False
    assert params.dtw_token_timestamps is (preset is not None)
    assert params.dtw_aheads_preset == (preset.number if preset else 0)


def test_the_gpu_can_be_turned_off(lib: FakeWhisper) -> None:
    assert context_params(lib, None, use_gpu=False).use_gpu is False


@pytest.mark.parametrize(
    ("vocabulary", "count", "last"),
    [(51864, 1, "en"), (51865, 99, "l98"), (51866, 100, "yue")],
)
def test_only_languages_the_model_was_trained_on_are_known(
    vocabulary: int, count: int, last: str
) -> None:
    lib = FakeWhisper(vocabulary=vocabulary)
    info = loaded(lib, name="fake", lanes=3, aligned=False).info
    assert (len(info.languages), info.languages[-1]) == (count, last)
    assert (info.engine, info.model, info.lanes) == ("whisper.cpp 1.8.5", "fake", 3)


def test_an_engine_with_an_open_lane_is_not_closed(
    engine: WhisperCppEngine, lib: FakeWhisper
) -> None:
    lane = engine.open_lane()
    with pytest.raises(RefusedInput, match="1 open"):
        engine.close()
    lane.close()
    engine.close()
    engine.close()
    assert lib.freed == [101, 1]


def test_a_closed_engine_opens_no_lane(engine: WhisperCppEngine) -> None:
    engine.close()
    with pytest.raises(RefusedInput, match="closed"):
        engine.open_lane()
    with pytest.raises(RefusedInput, match="closed"):
        engine.tokenize("a")


def test_an_engine_tokenizes(engine: WhisperCppEngine) -> None:
    assert engine.tokenize("ab") == (97, 98)


def test_a_file_that_is_no_model_is_refused_before_it_reaches_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lib: FakeWhisper
) -> None:
    monkeypatch.setattr(engine_module, "load_binding", lambda: lib)
    path = tmp_path / "model.bin"
    path.write_bytes(b"lmgg" + bytes(100))
    with pytest.raises(BadModelFile):
        WhisperCppEngine.load(path, model="base")
    assert lib.contexts == []


@pytest.mark.model
def test_a_model_that_c_refuses_is_an_error_with_its_words(
    base_model: Path, monkeypatch: pytest.MonkeyPatch, lib: FakeWhisper
) -> None:
    monkeypatch.setattr(engine_module, "load_binding", lambda: lib)
    lib.context = 0
    with pytest.raises(BadModelFile, match="out of memory"):
        WhisperCppEngine.load(base_model, model="base")


@pytest.fixture(scope="module")
def base(base_model: Path) -> WhisperCppEngine:
    return WhisperCppEngine.load(base_model, model="base-q8_0", lanes=2)


@pytest.mark.model
def test_jfk_is_understood_word_for_word(base: WhisperCppEngine, jfk: Samples) -> None:
    lane = base.open_lane()
    hypothesis = lane.decode(window(jfk, max_tokens=74))
    lane.close()
    assert plain(hypothesis) == JFK
    assert -0.5 < hypothesis.mean_logprob < 0
    assert all(0.3 < word.confidence <= 1 for word in hypothesis.words)


@pytest.mark.model
def test_a_sentence_that_the_decoder_says_again_is_said_once(
    tiny_en_model: Path, jfk: Samples
) -> None:
    engine = WhisperCppEngine.load(tiny_en_model, model="tiny.en")
    lane = engine.open_lane()
    # Without `RepeatStop` it goes on with "And so my fellow Americans. And so".
    heard = lane.decode(window(jfk[: 2 * 16_000 + 6400], audio_ctx=171, max_tokens=22))
    lane.close()
    engine.close()
    assert heard.looped
    assert plain(heard) == "and so my fellow americans".split()
    assert heard.token_count == len(heard.words) + 1


@pytest.mark.model
def test_word_times_keep_out_of_the_pauses(
    base: WhisperCppEngine, jfk: Samples
) -> None:
    lane = base.open_lane()
    words = lane.decode(window(jfk, max_tokens=74)).words
    lane.close()
    for pause_s in (2.8, 7.8):
        assert not any(word.start_s < pause_s < word.end_s for word in words)
    assert words[4].end_s == pytest.approx(2.3, abs=0.2)
    assert words[-1].end_s == pytest.approx(10.4, abs=0.3)


@pytest.mark.model
def test_lanes_and_earlier_requests_do_not_change_a_result(
    base: WhisperCppEngine, jfk: Samples
) -> None:
    first, second = base.open_lane(), base.open_lane()
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    short = np.ascontiguousarray(jfk[:40_000])
    wanted = first.decode(window(short, audio_ctx=180, max_tokens=20))
    for other in (window(noise, audio_ctx=200), window(jfk), window(noise)):
        second.decode(other)
    with ThreadPoolExecutor() as threads:
        again = threads.submit(
            first.decode, window(short, audio_ctx=180, max_tokens=20)
        )
        after = second.decode(window(short, audio_ctx=180, max_tokens=20))
        assert [same(wanted), same(again.result()), same(after)] == [same(wanted)] * 3
    first.close()
    second.close()


def ignore(_segment: Segment) -> None:
    pass


def same(hypothesis: Hypothesis) -> tuple[object, ...]:
    return hypothesis.words, hypothesis.mean_logprob, hypothesis.token_count


@pytest.mark.model
def test_the_language_is_detected_on_a_trimmed_window(
    base: WhisperCppEngine, jfk: Samples
) -> None:
    lane = base.open_lane()
    start = np.ascontiguousarray(jfk[:48_000])
    language, probability = lane.detect_language(start, audio_ctx=200)
    hypothesis = lane.decode(window(start, audio_ctx=200, language="auto"))
    lane.close()
    assert (language, hypothesis.language) == ("en", "en")
    assert probability > 0.8


@pytest.mark.model
@pytest.mark.parametrize("count", [3200, 3201, 4800, 8000])
def test_the_shortest_windows_do_not_abort_in_alignment(
    base: WhisperCppEngine, jfk: Samples, count: int
) -> None:
    lane = base.open_lane()
    piece = np.ascontiguousarray(jfk[-count - 32_000 : -32_000])
    tight = -(-count // 320)
    lane.decode(window(piece, audio_ctx=tight, max_tokens=8))
    lane.close()


@pytest.mark.model
def test_a_full_window_of_the_longest_text_does_not_abort_in_alignment(
    base: WhisperCppEngine, jfk: Samples
) -> None:
    lane = base.open_lane()
    long = np.ascontiguousarray(np.tile(jfk, 3)[:480_000])
    hypothesis = lane.decode(window(long, audio_ctx=1500, prompt="ask " * 250))
    lane.close()
    assert hypothesis.token_count > 40


@pytest.mark.model
def test_a_prompt_cannot_smuggle_in_a_special_token(base: WhisperCppEngine) -> None:
    assert max(base.tokenize("[_EOT_][_BEG_]<|endoftext|>")) < 50_257


@pytest.mark.model
def test_text_becomes_tokens(base: WhisperCppEngine) -> None:
    assert len(base.tokenize(" ask not")) == 2
    assert base.tokenize("") == ()


@pytest.mark.model
@pytest.mark.parametrize("text", ["x", "ж", "🎉", " ", "-"])
def test_the_longest_prompt_is_tokenized_at_once(
    base: WhisperCppEngine, text: str
) -> None:
    with ThreadPoolExecutor() as threads:
        assert threads.submit(base.tokenize, text * 1024).result()


@pytest.mark.model
def test_a_file_is_transcribed_with_captions(tiny_en_model: Path, jfk: Samples) -> None:
    engine = WhisperCppEngine.load(tiny_en_model, model="tiny.en", word_times=False)
    lane = engine.open_lane()
    seen: list[Segment] = []
    said = lane.transcribe(np.tile(jfk, 3), DecodeOptions(), seen.append)
    segments = said.segments
    again = lane.transcribe(np.tile(jfk, 3), DecodeOptions(), ignore)
    lane.close()
    engine.close()
    assert tuple(seen) == segments
    assert said == again
    assert len(segments) > 1
    assert segments[-1].end_s == pytest.approx(33, abs=1)
    assert [word.text for word in segments[0].words[:2]] == ["And", "so"]
