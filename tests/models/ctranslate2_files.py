"""A toy CTranslate2 Whisper model: two layers a side, a state of 4."""

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.models.convert import END_OF_TEXT


STATE = 4
N_VOCAB = 12
N_MELS = 80
LAYERS = 2

Variables = dict[str, NDArray[np.generic]]

TYPE_NUMBERS = {"f4": 0, "i1": 1, "i2": 2, "i4": 3, "f2": 4}


def toy_variables() -> Variables:
    """Return every variable of the toy, each weight different."""
    shapes: dict[str, tuple[int, ...]] = {
        "decoder/embeddings/weight": (N_VOCAB, STATE),
        "decoder/position_encodings/encodings": (6, STATE),
        "encoder/position_encodings/encodings": (5, STATE),
        "encoder/conv1/weight": (STATE, N_MELS, 3),
        "encoder/conv1/bias": (STATE,),
        "encoder/conv2/weight": (STATE, STATE, 3),
        "encoder/conv2/bias": (STATE,),
    }
    for side in ("encoder", "decoder"):
        shapes |= _norm(f"{side}/layer_norm")
        for i in range(LAYERS):
            shapes |= _layer(f"{side}/layer_{i}", cross=side == "decoder")
    random = np.random.default_rng(1)
    variables: Variables = {
        name: random.standard_normal(shape).astype("<f2")
        for name, shape in shapes.items()
    }
    _zero_key_biases(variables)
    for side in ("encoder", "decoder"):
        variables[f"{side}/num_heads"] = np.array(2, "<i2")
    return variables


def write_model(path: Path, variables: Variables, *, version: int = 6) -> Path:
    """Write a `model.bin`."""
    data = [struct.pack("<I", version), _text("WhisperSpec"), struct.pack("<I", 3)]
    data.append(struct.pack("<I", len(variables)))
    for name, array in sorted(variables.items()):
        data.append(_text(name) + struct.pack("<B", array.ndim))
        data.append(struct.pack(f"<{array.ndim}I", *array.shape))
        number = TYPE_NUMBERS[array.dtype.str[1:]]
        data.append(struct.pack("<BI", number, array.nbytes) + array.tobytes())
    aliases = _text("decoder/projection/weight") + _text("decoder/embeddings/weight")
    path.write_bytes(b"".join(data) + struct.pack("<I", 1) + aliases)
    return path


def write_tokenizer(path: Path, tokens: tuple[str, ...] = ("!", "Ġa", "Ģ", "")) -> Path:
    """Write a `tokenizer.json` with these tokens and a special one."""
    vocabulary = {token: i for i, token in enumerate(tokens)}
    vocabulary[END_OF_TEXT.decode()] = len(tokens)
    path.write_text(json.dumps({"model": {"vocab": vocabulary}}), "utf-8")
    return path


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}/gamma": (STATE,), f"{name}/beta": (STATE,)}


def _linear(name: str, rows: int, columns: int = STATE) -> dict[str, tuple[int, ...]]:
    return {f"{name}/weight": (rows, columns), f"{name}/bias": (rows,)}


def _layer(name: str, *, cross: bool) -> dict[str, tuple[int, ...]]:
    shapes = _linear(f"{name}/self_attention/linear_0", 3 * STATE)
    shapes |= _linear(f"{name}/self_attention/linear_1", STATE)
    shapes |= _norm(f"{name}/self_attention/layer_norm")
    shapes |= _linear(f"{name}/ffn/linear_0", 4 * STATE)
    shapes |= _linear(f"{name}/ffn/linear_1", STATE, 4 * STATE)
    shapes |= _norm(f"{name}/ffn/layer_norm")
    if cross:
        shapes |= _norm(f"{name}/attention/layer_norm")
        shapes |= _linear(f"{name}/attention/linear_0", STATE)
        shapes |= _linear(f"{name}/attention/linear_1", 2 * STATE)
        shapes |= _linear(f"{name}/attention/linear_2", STATE)
    return shapes


def _zero_key_biases(variables: Variables) -> None:
    for name, array in variables.items():
        if name.endswith("/self_attention/linear_0/bias"):
            array[STATE : 2 * STATE] = 0
        elif name.endswith("/attention/linear_1/bias") and "self" not in name:
            array[:STATE] = 0


def _text(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw
