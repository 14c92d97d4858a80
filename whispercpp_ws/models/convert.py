"""
Convert a CTranslate2 Whisper model to a ggml file.

The result is written in the order, with the mel bank and with the token table of the
official files, so a conversion of the official weights has the official SHA-1.
"""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from whispercpp_ws.engines.whispercpp.model_file import (
    N_FFT,
    ModelHeader,
    TensorType,
    expected_tensors,
    expected_type,
)
from whispercpp_ws.errors import NotConvertible
from whispercpp_ws.models.atomic import Progress, no_progress
from whispercpp_ws.models.ctranslate2 import WhisperArchive


MAX_TOKENIZER_BYTES = 16 << 20
"""The multilingual `tokenizer.json` is 2.2 MB."""

END_OF_TEXT = b"<|endoftext|>"
"""The one special token that the official English-only files spell out."""

F16_FILE = 1

_DTYPES: dict[TensorType, np.dtype[np.generic]] = {
    TensorType.F32: np.dtype("<f4"),
    TensorType.F16: np.dtype("<f2"),
}
_FLOATS = tuple(_DTYPES.values())

_TENSOR_NAME = re.compile(
    r"(?P<side>encoder|decoder)\.(blocks\.(?P<layer>\d+)\.)?(?P<item>.+)"
)

_BLOCK_SOURCES = {
    "mlp_ln": ("ffn/layer_norm", 0, 1),
    "mlp.0": ("ffn/linear_0", 0, 1),
    "mlp.2": ("ffn/linear_1", 0, 1),
    "attn_ln": ("self_attention/layer_norm", 0, 1),
    "attn.query": ("self_attention/linear_0", 0, 3),
    "attn.key": ("self_attention/linear_0", 1, 3),
    "attn.value": ("self_attention/linear_0", 2, 3),
    "attn.out": ("self_attention/linear_1", 0, 1),
    "cross_attn_ln": ("attention/layer_norm", 0, 1),
    "cross_attn.query": ("attention/linear_0", 0, 1),
    "cross_attn.key": ("attention/linear_1", 0, 2),
    "cross_attn.value": ("attention/linear_1", 1, 2),
    "cross_attn.out": ("attention/linear_2", 0, 1),
}
"""ggml item of a block: CTranslate2 item, and which of its stacked parts."""

_GLOBAL_SOURCES = {
    "positional_embedding": "position_encodings/encodings",
    "token_embedding.weight": "embeddings/weight",
    "ln.weight": "layer_norm/gamma",
    "ln.bias": "layer_norm/beta",
    "ln_post.weight": "layer_norm/gamma",
    "ln_post.bias": "layer_norm/beta",
    "conv1.weight": "conv1/weight",
    "conv1.bias": "conv1/bias",
    "conv2.weight": "conv2/weight",
    "conv2.bias": "conv2/bias",
}

Source = tuple[str, int, int]
"""CTranslate2 variable, part, number of parts."""


def convert(
    model: Path, tokenizer: Path, target: Path, progress: Progress = no_progress
) -> None:
    """
    Write `target`, a ggml f16 file, from `model.bin` and `tokenizer.json`.

    Args:
        model: CTranslate2 binary version 6, float16 or float32.
        tokenizer: the Hugging Face tokenizer of the same model.
        target: written from the start; incomplete if an error is raised.
        progress: called with the bytes of the target written so far.

    Raises:
        NotConvertible: the input is of another version, type or architecture.
    """
    with WhisperArchive(model) as archive, target.open("wb") as file:
        header = header_of(archive)
        check_key_biases(archive, header)
        file.write(header.pack())
        file.write(struct.pack("<2i", header.n_mels, N_FFT))
        file.write(mel_bank(header.n_mels).tobytes())
        file.write(token_table(tokenizer, english=not header.multilingual))
        _write_tensors(archive, header, file, progress)


def mel_bank(n_mels: int) -> NDArray[np.float32]:
    """
    Return Slaney's filters for 16 kHz and n_fft 400, bit for bit the official ones.

    The two roundings to float32 are the point: one rounding at the end changes 118 of
    the 80 x 201 values, and with them the checksum of the file.
    """
    bins_hz = np.linspace(0, 8000, N_FFT)
    mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), n_mels + 2)
    edges_hz = 200 / 3 * mels
    above = mels >= 15  # linear below 1 kHz, logarithmic above
    edges_hz[above] = 1000 * np.exp(np.log(6.4) / 27 * (mels[above] - 15))
    widths = np.diff(edges_hz)[:, None]
    ramps = edges_hz[:, None] - bins_hz
    triangles = np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])
    rounded = np.maximum(0, triangles).astype(np.float32)
    norms = 2 / (edges_hz[2:] - edges_hz[:-2])
    bank = (rounded * norms[:, None]).astype("<f4")
    return bank + np.float32(0)  # the one -0.0 becomes +0.0


def token_table(tokenizer: Path, *, english: bool) -> bytes:
    """
    Return the token table of a ggml file: a count, then each token with its length.

    Raises:
        NotConvertible: the tokens are not numbered 0 to n - 1, or not byte-level BPE.
    """
    tokens = _plain_tokens(tokenizer)
    encoded = [_bytes_of(token) for token in tokens]
    if english:
        encoded.append(END_OF_TEXT)
    table = [struct.pack("<i", len(encoded))]
    table += [struct.pack("<i", len(token)) + token for token in encoded]
    return b"".join(table)


def header_of(archive: WhisperArchive) -> ModelHeader:
    """Read a model's dimensions off the shapes of its variables."""
    n_vocab, state = _shape(archive, "decoder/embeddings/weight", 2)
    return ModelHeader(
        n_vocab=n_vocab,
        n_audio_ctx=_shape(archive, "encoder/position_encodings/encodings", 2)[0],
        n_audio_state=state,
        n_audio_head=int(archive.rows("encoder/num_heads")[0]),
        n_audio_layer=_layers(archive, "encoder"),
        n_text_ctx=_shape(archive, "decoder/position_encodings/encodings", 2)[0],
        n_text_state=state,
        n_text_head=int(archive.rows("decoder/num_heads")[0]),
        n_text_layer=_layers(archive, "decoder"),
        n_mels=_shape(archive, "encoder/conv1/weight", 3)[1],
        ftype=F16_FILE,
    )


def check_key_biases(archive: WhisperArchive, header: ModelHeader) -> None:
    """Refuse a model whose key projections have a bias: ggml has no place for it."""
    for name, part, parts in _key_biases(header):
        if np.any(archive.rows(name, part, parts)):
            raise NotConvertible(f"expected the key bias of {name} to be 0, it is not")


def _key_biases(header: ModelHeader) -> Iterator[Source]:
    for i in range(header.n_audio_layer):
        yield f"encoder/layer_{i}/self_attention/linear_0/bias", 1, 3
    for i in range(header.n_text_layer):
        yield f"decoder/layer_{i}/self_attention/linear_0/bias", 1, 3
        yield f"decoder/layer_{i}/attention/linear_1/bias", 0, 2


def source_of(tensor: str) -> Source:
    """Return where a ggml tensor's weights are in a CTranslate2 model."""
    match = _TENSOR_NAME.fullmatch(tensor)
    assert match is not None, tensor
    side, layer, item = match["side"], match["layer"], match["item"]
    if layer is None:
        return f"{side}/{_GLOBAL_SOURCES[item]}", 0, 1
    owner, _, leaf = item.rpartition(".")
    name, part, parts = _BLOCK_SOURCES[owner]
    if name.endswith("layer_norm"):
        leaf = {"weight": "gamma", "bias": "beta"}[leaf]
    return f"{side}/layer_{layer}/{name}/{leaf}", part, parts


def _write_tensors(
    archive: WhisperArchive,
    header: ModelHeader,
    file: BinaryIO,
    progress: Progress,
) -> None:
    for name, dims in expected_tensors(header).items():
        kind = expected_type(name, dims, TensorType.F16)
        weights = _weights(archive, name, dims, _DTYPES[kind])
        raw_name = name.encode()
        file.write(struct.pack("<3i", len(dims), len(raw_name), kind))
        file.write(struct.pack(f"<{len(dims)}i", *dims) + raw_name)
        file.write(weights.tobytes())
        progress("converting", file.tell(), None)


def _weights(
    archive: WhisperArchive,
    name: str,
    dims: tuple[int, ...],
    dtype: np.dtype[np.generic],
) -> NDArray[np.generic]:
    source, part, parts = source_of(name)
    weights = archive.rows(source, part, parts)
    shape = tuple(reversed(dims))
    if shape[1:] == (1,):  # the conv biases are columns in ggml
        shape = shape[:1]
    if weights.shape != shape or weights.dtype not in _FLOATS:
        raise NotConvertible(
            f"expected {source} as float {shape}, "
            f"got {weights.dtype} {weights.shape}; int8 models do not convert"
        )
    return weights.astype(dtype, copy=False)


def _shape(archive: WhisperArchive, name: str, rank: int) -> tuple[int, ...]:
    shape = archive.variable(name).shape
    if len(shape) != rank:
        raise NotConvertible(f"expected {name} of rank {rank}, got shape {shape}")
    return shape


def _layers(archive: WhisperArchive, side: str) -> int:
    pattern = re.compile(rf"{side}/layer_(\d+)/")
    matches = (pattern.match(name) for name in archive.variables)
    return len({match[1] for match in matches if match})


def _plain_tokens(tokenizer: Path) -> list[str]:
    ids = _vocabulary(tokenizer)
    plain = {i: token for token, i in ids.items() if not _is_special(token)}
    if sorted(plain) != list(range(len(plain))):
        raise NotConvertible(
            f"{tokenizer}: expected token ids 0 to {len(plain) - 1}, got gaps"
        )
    return [plain[i] for i in range(len(plain))]


def _vocabulary(tokenizer: Path) -> dict[str, int]:
    with tokenizer.open("rb") as file:
        data = file.read(MAX_TOKENIZER_BYTES)
    try:
        vocabulary = json.loads(data)["model"]["vocab"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotConvertible(
            f"{tokenizer}: expected a tokenizer.json with model.vocab, got {error!r}"
        ) from error
    if not _maps_text_to_ids(vocabulary):
        raise NotConvertible(f"{tokenizer}: expected model.vocab to map text to ids")
    return dict(vocabulary)


def _maps_text_to_ids(vocabulary: object) -> bool:
    return isinstance(vocabulary, dict) and all(
        isinstance(i, int) for i in vocabulary.values()
    )


def _is_special(token: str) -> bool:
    return token.startswith("<|") and token.endswith("|>")


def _bytes_of(token: str) -> bytes:
    try:
        return bytes(_BYTE_OF[character] for character in token)
    except KeyError as error:
        raise NotConvertible(
            f"expected byte-level BPE tokens, got {token[:40]!r}"
        ) from error


def _byte_of_characters() -> dict[str, int]:
    """Invert GPT-2's `bytes_to_unicode`: printable Latin-1 stands for itself."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in set(printable)]
    characters = {chr(byte): byte for byte in printable}
    return characters | {chr(256 + i): byte for i, byte in enumerate(hidden)}


_BYTE_OF = _byte_of_characters()
