import pytest

from whispercpp_ws.engines.whispercpp.alignment import preset_for
from whispercpp_ws.engines.whispercpp.model_file import ModelHeader


def header(layers: int, state: int, vocabulary: int) -> ModelHeader:
    heads = state // 64
    return ModelHeader(
        vocabulary, 1500, state, heads, 32, 448, state, heads, layers, 80, 1
    )


@pytest.mark.parametrize(
    ("layers", "state", "vocabulary", "model", "number"),
    [
        (4, 384, 51864, "tiny.en", 3),
        (4, 384, 51865, "tiny-q5_1", 4),
        (6, 512, 51865, "base-q8_0", 6),
        (24, 1024, 51864, "medium.en", 9),
        (32, 1280, 51865, "large-v1", 11),
        (32, 1280, 51865, "large-v2-q5_0", 12),
        (32, 1280, 51866, "large-v3", 13),
        (4, 1280, 51866, "large-v3-turbo-q5_0", 14),
    ],
)
def test_a_known_shape_has_its_preset(
    layers: int, state: int, vocabulary: int, model: str, number: int
) -> None:
    preset = preset_for(header(layers, state, vocabulary), model)
    assert preset is not None
    assert preset.number == number


@pytest.mark.parametrize(
    ("layers", "state", "model"),
    [(2, 1280, "distil-large-v2"), (6, 384, "base"), (32, 1280, "my-own")],
)
def test_an_unknown_shape_has_none(layers: int, state: int, model: str) -> None:
    assert preset_for(header(layers, state, 51865), model) is None


def test_more_heads_get_more_memory() -> None:
    small = preset_for(header(4, 384, 51865), "tiny")
    large = preset_for(header(32, 1280, 51865), "large-v2")
    assert small is not None and large is not None
    assert small.memory_bytes == 128 << 20
    assert large.memory_bytes > 200 << 20
