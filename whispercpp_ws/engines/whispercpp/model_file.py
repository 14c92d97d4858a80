"""
The ggml Whisper file: header, mel bank, token table, tensors; little-endian.

libwhisper checks almost nothing: a truncated file loads and gives garbage, a wrong
header ends the process. `read_layout` is the gate in front of it. It reads every
length and name of a file, none of the weights, and refuses the file if libwhisper
would find anything else than the header promises.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from enum import IntEnum
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn

from whispercpp_ws.errors import BadModelFile


MAGIC = b"lmgg"
N_FFT = 201
"""Bins of one mel filter: n_fft / 2 + 1 with n_fft 400."""
N_AUDIO_CTX = 1500
N_TEXT_CTX = 448

MIN_TOKENS = 50_256
"""Text tokens of the English vocabulary; libwhisper adds the special ones itself."""
MAX_TOKEN_BYTES = 128
"""The longest token of both vocabularies, and the buffer of whisper-quantize."""
MAX_NAME_BYTES = 64
"""Longest tensor name is 41 bytes: "decoder.blocks.31.cross_attn.query.weight"."""

HEAD_SIZE = 64
"""Whisper's one attention head size; heads = state / 64 in every model."""
_STATES = (384, 512, 768, 1024, 1280)
_AUDIO_LAYERS = (4, 6, 12, 24, 32)
"""libwhisper derives the model's type from this and throws on any other value."""
_VOCABULARIES = (51_864, 51_865, 51_866)
_MAX_TEXT_LAYERS = 32

_SILERO = struct.pack("<i", 10) + b"silero-16k"
_FOREIGN_FORMATS = {
    b"<": "a web page",
    b"GGUF": "a GGUF file",
    b"PK\x03\x04": "a zip archive or PyTorch checkpoint",
    b"version https://git-lfs": "a Git LFS pointer",
}


class TensorType(IntEnum):
    """How weights are stored; the value is ggml's own."""

    F32 = 0
    F16 = 1
    Q4_0 = 2
    Q5_0 = 6
    Q5_1 = 7
    Q8_0 = 8
    Q4_K = 12

    @property
    def block_weights(self) -> int:
        """Weights that share a scale; rows are whole blocks."""
        return 256 if self is TensorType.Q4_K else 32

    def size(self, count: int) -> int:
        """Bytes of `count` weights, whole blocks where quantised."""
        return count * _BYTES_PER_32[self] // 32


_BYTES_PER_32 = {0: 128, 1: 64, 2: 18, 6: 22, 7: 24, 8: 34, 12: 18}

FILE_TYPES = {
    0: TensorType.F32,
    1: TensorType.F16,
    2002: TensorType.Q4_0,
    2007: TensorType.Q8_0,
    2008: TensorType.Q5_0,
    2009: TensorType.Q5_1,
    2012: TensorType.Q4_K,
}
"""Header `ftype` to the type of the linear weights (2000 + ftype when quantised)."""


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """The 11 integers after the magic, in file order."""

    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int
    n_mels: int
    ftype: int

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more languages than English."""
        return self.n_vocab > 51_864

    @property
    def weight_type(self) -> TensorType:
        """Type of the linear weights."""
        return FILE_TYPES[self.ftype]

    def pack(self) -> bytes:
        """Return the 48 bytes of the file's header, magic included."""
        return MAGIC + struct.pack("<11i", *astuple(self))


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where one tensor lies in a file."""

    name: str
    dims: tuple[int, ...]
    """File order, the reverse of numpy's shape."""
    type: TensorType
    offset: int
    """Of the data, in bytes from the start of the file."""
    size: int


@dataclass(frozen=True, slots=True)
class ModelLayout:
    """What lies where in a sound model file; offsets are bytes from its start."""

    header: ModelHeader
    mel_offset: int
    tokens_offset: int
    token_count: int
    tensors_offset: int
    tensors: tuple[TensorEntry, ...]
    file_size: int


def read_layout(path: Path) -> ModelLayout:
    """
    Read the layout of a model file and check it against its header.

    Reads about 1 MB in 0.1 s for any model; the weights themselves are not read, so
    damage inside them is only found by a checksum.

    Raises:
        BadModelFile: libwhisper must not be given this file.
    """
    try:
        with path.open("rb") as file:
            return _Parser(path, file).layout()
    except OSError as error:
        raise BadModelFile(
            f"{path}: expected a readable model file, got {error.strerror}"
        ) from error


def expected_tensors(header: ModelHeader) -> dict[str, tuple[int, ...]]:
    """Map each tensor of a model to its file dims, in the official files' order."""
    state, ctx = header.n_audio_state, (header.n_text_ctx, header.n_audio_ctx)
    tensors: dict[str, tuple[int, ...]] = {
        "decoder.positional_embedding": (state, ctx[0]),
        "encoder.positional_embedding": (state, ctx[1]),
        "decoder.token_embedding.weight": (state, header.n_vocab),
    }
    for i in range(header.n_text_layer):
        tensors |= _block(f"decoder.blocks.{i}.", state, ("attn", "cross_attn"))
    tensors |= _norm("decoder.ln", state)
    for i, n_in in ((1, header.n_mels), (2, state)):
        tensors[f"encoder.conv{i}.weight"] = (3, n_in, state)
        tensors[f"encoder.conv{i}.bias"] = (1, state)
    for i in range(header.n_audio_layer):
        tensors |= _block(f"encoder.blocks.{i}.", state, ("attn",))
    return tensors | _norm("encoder.ln_post", state)


def expected_type(
    name: str, dims: tuple[int, ...], weight_type: TensorType
) -> TensorType:
    """Return the type libwhisper expects of a tensor in a file of `weight_type`."""
    if len(dims) == 1 or name.endswith((".bias", ".positional_embedding")):
        return TensorType.F32
    if len(dims) == 3:
        return min(weight_type, TensorType.F16)
    return weight_type


def _norm(name: str, state: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (state,), f"{name}.bias": (state,)}


def _block(
    prefix: str, state: int, attentions: tuple[str, ...]
) -> dict[str, tuple[int, ...]]:
    tensors = _norm(f"{prefix}mlp_ln", state)
    tensors[f"{prefix}mlp.0.weight"] = (state, 4 * state)
    tensors[f"{prefix}mlp.0.bias"] = (4 * state,)
    tensors[f"{prefix}mlp.2.weight"] = (4 * state, state)
    tensors[f"{prefix}mlp.2.bias"] = (state,)
    for attention in attentions:
        tensors |= _norm(f"{prefix}{attention}_ln", state)
        for part in ("query", "key", "value", "out"):
            tensors[f"{prefix}{attention}.{part}.weight"] = (state, state)
            if part != "key":
                tensors[f"{prefix}{attention}.{part}.bias"] = (state,)
    return tensors


class _Parser:
    """Read one file front to back; every length is checked before it is used."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._offset = 0

    def layout(self) -> ModelLayout:
        self._check_magic()
        header = self._header()
        mel_offset = self._skip_mel_bank(header)
        tokens_offset = self._offset
        token_count = self._skip_tokens(header)
        tensors_offset = self._offset
        tensors = tuple(self._tensors(header))
        return ModelLayout(
            header,
            mel_offset,
            tokens_offset,
            token_count,
            tensors_offset,
            tensors,
            self._size,
        )

    def _refuse(self, expected: str, got: object) -> NoReturn:
        raise BadModelFile(
            f"{self._path}: expected {expected}, got {got}; remove the file and "
            "fetch it again (whispercpp-ws models fetch)"
        )

    def _require(self, condition: bool, expected: str, got: object) -> None:
        if not condition:
            self._refuse(expected, got)

    def _read(self, count: int, what: str) -> bytes:
        data = self._file.read(count) if count <= self._size - self._offset else b""
        if len(data) != count:
            self._refuse_end(count, what)
        self._offset += count
        return data

    def _refuse_end(self, count: int, what: str) -> NoReturn:
        self._refuse(
            f"{count} bytes of {what} at byte {self._offset}",
            f"the end of the file at byte {self._size}",
        )

    def _skip(self, count: int, what: str) -> None:
        if count > self._size - self._offset:
            self._refuse_end(count, what)
        self._offset = self._file.seek(self._offset + count)

    def _int(self, what: str) -> int:
        return int.from_bytes(self._read(4, what), "little", signed=True)

    def _check_magic(self) -> None:
        start = self._file.read(32)
        self._file.seek(0)
        self._require(bool(start), "a ggml Whisper model", "an empty file")
        for prefix, name in _FOREIGN_FORMATS.items():
            if start.lstrip().startswith(prefix):
                self._refuse("a ggml Whisper model", name)
        magic = self._read(4, "magic")
        self._require(magic == MAGIC, f"magic {MAGIC!r}", repr(magic))
        self._require(
            not start[4:].startswith(_SILERO), "a Whisper model", "a Silero VAD model"
        )

    def _header(self) -> ModelHeader:
        header = ModelHeader(*struct.unpack("<11i", self._read(44, "header")))
        state, heads = header.n_audio_state, header.n_audio_state // HEAD_SIZE
        self._one_of("n_vocab", header.n_vocab, _VOCABULARIES)
        self._one_of("n_audio_ctx", header.n_audio_ctx, (N_AUDIO_CTX,))
        self._one_of("n_audio_state", state, _STATES)
        self._one_of("n_audio_head", header.n_audio_head, (heads,))
        self._one_of("n_audio_layer", header.n_audio_layer, _AUDIO_LAYERS)
        self._one_of("n_text_ctx", header.n_text_ctx, (N_TEXT_CTX,))
        self._one_of("n_text_state", header.n_text_state, (state,))
        self._one_of("n_text_head", header.n_text_head, (heads,))
        self._range("n_text_layer", header.n_text_layer, 1, _MAX_TEXT_LAYERS)
        self._one_of("n_mels", header.n_mels, (80, 128))
        self._one_of("ftype", header.ftype, tuple(FILE_TYPES))
        # ggml ends the process over a row that is no whole number of blocks.
        block = header.weight_type.block_weights
        if header.n_audio_state % block:
            self._refuse(f"rows of a multiple of {block}", header.n_audio_state)
        return header

    def _one_of(self, what: str, value: int, allowed: tuple[int, ...]) -> None:
        choices = " or ".join(str(choice) for choice in allowed)
        self._require(value in allowed, f"{what} {choices}", value)

    def _range(self, what: str, value: int, low: int, high: int) -> None:
        self._require(low <= value <= high, f"{what} {low} to {high}", value)

    def _skip_mel_bank(self, header: ModelHeader) -> int:
        self._one_of("mel bands", self._int("mel bank"), (header.n_mels,))
        self._one_of("mel bins", self._int("mel bank"), (N_FFT,))
        offset = self._offset
        self._skip(4 * header.n_mels * N_FFT, "mel bank")
        return offset

    def _skip_tokens(self, header: ModelHeader) -> int:
        count = self._int("token table")
        self._range("token count", count, MIN_TOKENS, header.n_vocab)
        left, read = self._size - self._offset, self._file.read
        # Inlined, and only what is wrong is read again by the methods that say so: with
        # them 51,865 tokens took a fifth of an engine's start.
        for _ in range(count):
            length = int.from_bytes(read(4), "little", signed=True)
            left -= 4 + length
            if not 0 <= length <= MAX_TOKEN_BYTES or left < 0:
                self._refuse_token(self._size - left - 4 - length)
            read(length)
        self._offset = self._size - left
        return count

    def _refuse_token(self, offset: int) -> NoReturn:
        """Say what is wrong with the token that begins at an offset."""
        self._offset = self._file.seek(min(offset, self._size))
        length = self._int("token table")
        self._range("token length", length, 0, MAX_TOKEN_BYTES)
        self._refuse_end(length, "token table")

    def _tensors(self, header: ModelHeader) -> Iterator[TensorEntry]:
        missing = expected_tensors(header)
        self._require(
            self._offset < self._size,
            f"{len(missing)} tensors",
            "none (an empty model for tests)",
        )
        while missing and self._offset < self._size:
            entry = self._tensor()
            dims = missing.pop(entry.name, None)
            if dims is None:
                self._refuse("each known tensor once", f"tensor {entry.name!r}")
            self._require(
                entry.dims == dims, f"tensor {entry.name} of dims {dims}", entry.dims
            )
            self._check_type(header, entry)
            self._skip(entry.size, f"tensor {entry.name}")
            yield entry
        self._require(not missing, f"tensor {next(iter(missing), '')}", "none")
        self._require(
            self._offset == self._size,
            f"the end of the file at byte {self._offset}",
            f"{self._size - self._offset} more bytes",
        )

    def _check_type(self, header: ModelHeader, entry: TensorEntry) -> None:
        wanted = expected_type(entry.name, entry.dims, header.weight_type)
        self._require(
            entry.type == wanted,
            f"tensor {entry.name} of type {wanted.name}",
            entry.type.name,
        )

    def _tensor(self) -> TensorEntry:
        n_dims, name_length, type_number = struct.unpack(
            "<3i", self._read(12, "tensor head")
        )
        self._range("tensor rank", n_dims, 1, 3)
        self._range("tensor name length", name_length, 1, MAX_NAME_BYTES)
        self._one_of("tensor type", type_number, tuple(TensorType))
        dims = tuple(self._int("tensor head") for _ in range(n_dims))
        name = self._read(name_length, "tensor name").decode("utf-8", "replace")
        kind = TensorType(type_number)
        return TensorEntry(name, dims, kind, self._offset, kind.size(prod(dims)))
