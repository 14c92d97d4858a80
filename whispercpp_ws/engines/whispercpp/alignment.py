"""
Which attention heads tell when a word was said (dynamic time warping, "DTW").

libwhisper keeps these heads as presets per model and crashes when a preset names
heads the model does not have, so a preset is only used for a shape that is known.
"""

from dataclasses import dataclass

from whispercpp_ws.engines.whispercpp.model_file import ModelHeader


LONGEST_PASS_TOKENS = 256
"""Tokens of one alignment pass: at most 220 decoded ones and the prefix."""

_FRAMES = 1500
_WORKING_COPIES = 6
"""Copies of the attention matrix that whisper.cpp 1.8.5 makes in one pass."""
_SMALLEST_MEMORY_BYTES = 128 << 20
"""whisper.cpp's own default; more is only asked for where it would abort."""


@dataclass(frozen=True, slots=True)
class AlignmentPreset:
    """One of libwhisper's `whisper_alignment_heads_preset`."""

    number: int
    head_count: int

    @property
    def memory_bytes(self) -> int:
        """Return a `dtw_mem_size` that the longest window cannot overflow."""
        matrix = LONGEST_PASS_TOKENS * _FRAMES * self.head_count * 4
        return max(_SMALLEST_MEMORY_BYTES, matrix * _WORKING_COPIES)


_BY_SHAPE = {
    # (decoder layers, state, vocabulary)
    (4, 384, 51864): AlignmentPreset(3, 8),
    (4, 384, 51865): AlignmentPreset(4, 6),
    (6, 512, 51864): AlignmentPreset(5, 5),
    (6, 512, 51865): AlignmentPreset(6, 8),
    (12, 768, 51864): AlignmentPreset(7, 19),
    (12, 768, 51865): AlignmentPreset(8, 10),
    (24, 1024, 51864): AlignmentPreset(9, 18),
    (24, 1024, 51865): AlignmentPreset(10, 6),
    (32, 1280, 51866): AlignmentPreset(13, 10),
    (4, 1280, 51866): AlignmentPreset(14, 6),
}

_BY_NAME = {"large-v1": AlignmentPreset(11, 9), "large-v2": AlignmentPreset(12, 23)}
"""The two large models that share one shape."""


def preset_for(header: ModelHeader, model: str) -> AlignmentPreset | None:
    """Return the preset of a model by its shape and catalogue name, or None."""
    shape = (header.n_text_layer, header.n_text_state, header.n_vocab)
    if shape == (32, 1280, 51865):
        named = (_BY_NAME[name] for name in _BY_NAME if model.startswith(name))
        return next(named, None)
    return _BY_SHAPE.get(shape)
