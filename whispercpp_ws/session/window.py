"""How a window of audio becomes a decode request's options."""

from math import ceil

from whispercpp_ws.decoding import FRAMES_PER_S, FULL_AUDIO_CTX, DecodeOptions
from whispercpp_ws.session.language import tokens_per_s


MIN_AUDIO_CTX = 192
"""Encoder frames below which base decodes get worse (streaming §1.9)."""

TOKEN_FLOOR = 8


def audio_ctx_for(seconds: float, *, margin_s: float) -> int:
    """Return the encoder frames for a window: its length and a margin, 192 to 1500."""
    frames = ceil(FRAMES_PER_S * (seconds + margin_s))
    return min(max(frames, MIN_AUDIO_CTX), FULL_AUDIO_CTX)


def token_cap(seconds: float, language: str) -> int:
    """Return the most tokens a window may give; it bounds the time of a loop."""
    return int(TOKEN_FLOOR + tokens_per_s(language) * seconds)


def trimmed_options(
    seconds: float,
    *,
    language: str,
    margin_s: float,
    translate: bool = False,
    candidates: tuple[str, ...] = (),
    prompt: str = "",
    word_times: bool = False,
) -> DecodeOptions:
    """Build the options of a window decoded on a shortened encoder."""
    return DecodeOptions(
        language=language,
        candidates=candidates,
        translate=translate,
        audio_ctx=audio_ctx_for(seconds, margin_s=margin_s),
        max_tokens=token_cap(seconds, language),
        prompt=prompt,
        word_times=word_times,
    )
