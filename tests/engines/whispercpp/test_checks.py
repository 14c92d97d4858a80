import numpy as np
import pytest

from whispercpp_ws.decoding import Samples
from whispercpp_ws.engines.whispercpp.checks import (
    check_audio_ctx,
    check_language,
    check_max_tokens,
    check_samples,
)
from whispercpp_ws.errors import RefusedInput


def zeros(*shape: int) -> Samples:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(5), "float64"),
        (np.zeros(5, np.int16), "int16"),
        (np.zeros(5, ">f4"), ">f4"),
        (zeros(5, 2), "2 dimensions"),
        (zeros(5, 2)[:, 0], "strides"),
        (zeros(0), "got 0"),
        (zeros(11), "got 11"),
        (np.array([0, np.nan], np.float32), "NaN"),
        (np.array([0, -np.inf], np.float32), "infinity"),
    ],
)
def test_samples_that_mislead_c_are_refused(samples: Samples, message: str) -> None:
    with pytest.raises(RefusedInput, match=message) as caught:
        check_samples(samples, longest=10)
    assert caught.value.field == "samples"


def test_sound_samples_pass() -> None:
    check_samples(zeros(10), longest=10)


@pytest.mark.parametrize("audio_ctx", [-1, 0, 1501, 99])
def test_an_audio_ctx_that_c_rejects_or_that_cuts_audio_is_refused(
    audio_ctx: int,
) -> None:
    with pytest.raises(RefusedInput, match="audio_ctx: expected 100 to 1500"):
        check_audio_ctx(audio_ctx, 32_000)


@pytest.mark.parametrize("audio_ctx", [100, 1500])
def test_an_audio_ctx_that_covers_the_audio_passes(audio_ctx: int) -> None:
    check_audio_ctx(audio_ctx, 32_000)


@pytest.mark.parametrize("language", ["xx", "", "english", "ru\0", "EN"])
def test_an_unknown_language_is_refused(language: str) -> None:
    with pytest.raises(RefusedInput, match="language: expected"):
        check_language(language, ("en", "ru"))


@pytest.mark.parametrize("language", ["auto", "ru"])
def test_a_known_language_or_auto_passes(language: str) -> None:
    check_language(language, ("en", "ru", "de", "fr", "es", "it"))


def test_a_long_list_of_languages_is_cut_in_the_message() -> None:
    with pytest.raises(RefusedInput, match="a, b, c, d, e, …, got 'z'"):
        check_language("z", tuple("abcdefg"))


def test_negative_max_tokens_are_refused() -> None:
    with pytest.raises(RefusedInput, match="max_tokens"):
        check_max_tokens(-1)
