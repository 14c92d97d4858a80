from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from whispercpp_ws.models.importance import (
    FAINTEST,
    ReadTensor,
    input_importance,
)


BLOCK = "encoder.blocks.0."


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


def model(**tensors: object) -> ReadTensor:
    """Read from tensors given by their last names, dots as underscores."""
    named: Mapping[str, NDArray[np.float32]] = {
        BLOCK + name.replace("__", "."): np.array(value, np.float32)
        for name, value in tensors.items()
    }
    return lambda name: named[name]


def test_inputs_behind_a_norm_are_as_loud_as_it_makes_them() -> None:
    read = model(attn_ln__weight=[1, 2, 0], attn_ln__bias=[0, 0, 4])
    for part in ("query", "key", "value"):
        found = input_importance(f"{BLOCK}attn.{part}.weight", read)
        assert found is not None
        np.testing.assert_array_equal(found, floats(1 / 16, 1 / 4, 1))


def test_what_goes_out_of_attention_comes_from_its_values() -> None:
    read = model(
        attn_ln__weight=[1, 1],
        attn_ln__bias=[0, 2],
        attn__value__weight=[[1, 0], [0, 1]],
        attn__value__bias=[0, 1.5],
    )
    found = input_importance(f"{BLOCK}attn.out.weight", read)
    assert found is not None
    # Powers 1 and (2 + 1.5)**2 + 1, 3.7 octaves apart.
    np.testing.assert_allclose(found, floats(2**-3.75, 1))


def test_the_second_layer_hears_what_gelu_lets_through() -> None:
    read = model(
        mlp_ln__weight=[1],
        mlp_ln__bias=[0],
        mlp__0__weight=[[1], [1], [1]],
        mlp__0__bias=[10, 0, -10],
    )
    found = input_importance(f"{BLOCK}mlp.2.weight", read)
    assert found is not None
    gelu = np.random.default_rng(0).standard_normal(1_000_000)
    gelu *= 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gelu + 0.044715 * gelu**3)))
    expected = floats(1, float(np.mean(gelu**2)) / 101, FAINTEST)
    np.testing.assert_allclose(found, expected, rtol=0.1)


def test_what_is_heard_is_weighed_by_the_encoders_last_norm() -> None:
    tensors = {
        "encoder.ln_post.weight": floats(2, 1),
        "encoder.ln_post.bias": floats(0, 0),
    }
    for part in ("key", "value"):
        name = f"decoder.blocks.3.cross_attn.{part}.weight"
        found = input_importance(name, tensors.__getitem__)
        assert found is not None
        np.testing.assert_array_equal(found, floats(1, 1 / 4))


@pytest.mark.parametrize("name", ["encoder.conv1.weight", "decoder.ln.weight"])
def test_other_tensors_have_no_inputs_to_weigh(name: str) -> None:
    assert input_importance(name, model()) is None
