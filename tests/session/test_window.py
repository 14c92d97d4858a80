from whispercpp_ws.session.window import audio_ctx_for, token_cap, trimmed_options


def test_the_encoder_covers_the_window_and_a_margin() -> None:
    assert audio_ctx_for(6.01, margin_s=1.0) == 351


def test_the_encoder_is_neither_tiny_nor_beyond_the_model() -> None:
    assert audio_ctx_for(0.5, margin_s=1.0) == 192
    assert audio_ctx_for(29.9, margin_s=1.0) == 1500


def test_tokens_grow_with_the_window() -> None:
    assert token_cap(2.5, "en") == 28
    assert token_cap(2.5, "zh") == 40


def test_options_name_everything_a_decode_needs() -> None:
    options = trimmed_options(
        2.0, language="ru", translate=True, margin_s=1.0, prompt="ГОСТ", word_times=True
    )
    assert options.language == "ru"
    assert options.translate
    assert options.prompt == "ГОСТ"
    assert options.word_times
    assert (options.audio_ctx, options.max_tokens) == (192, 24)
