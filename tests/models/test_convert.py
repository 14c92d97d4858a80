import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.ctranslate2_files import (
    LAYERS,
    N_MELS,
    N_VOCAB,
    STATE,
    Variables,
    toy_variables,
    write_model,
    write_tokenizer,
)
from whispercpp_ws.engines.whispercpp.model_file import (
    N_FFT,
    ModelHeader,
    expected_tensors,
)
from whispercpp_ws.errors import NotConvertible
from whispercpp_ws.models.atomic import Digest, check
from whispercpp_ws.models.catalog import find
from whispercpp_ws.models.convert import convert, mel_bank, source_of, token_table


TOY = ModelHeader(N_VOCAB, 5, STATE, 2, LAYERS, 6, STATE, 2, LAYERS, N_MELS, 1)

OFFICIAL_MEL_BANK = "85818f156f7e189453901a515e4726d270d307f976e161cf9403e8caab405498"


def official(name: str) -> Digest:
    """The published file's size and SHA-1, as whisper.cpp lists it."""
    entry = find(name)
    assert entry.sha1 is not None
    return Digest(entry.size, sha1=entry.sha1)


def converted(folder: Path, variables: Variables) -> bytes:
    target = folder / "toy.bin"
    convert(
        write_model(folder / "model.bin", variables),
        write_tokenizer(folder / "tokenizer.json"),
        target,
    )
    return target.read_bytes()


def tensors_of(data: bytes) -> dict[str, tuple[tuple[int, ...], NDArray[np.generic]]]:
    """Read tensors back with none of the converter's own code."""
    at = data.index(struct.pack("<3i", 2, 28, 0))
    found = {}
    while at < len(data):
        rank, length, kind = struct.unpack_from("<3i", data, at)
        dims = struct.unpack_from(f"<{rank}i", data, at + 12)
        at += 12 + 4 * rank
        name = data[at : at + length].decode()
        dtype = np.dtype(("<f4", "<f2")[kind])
        count = int(np.prod(dims))
        array = np.frombuffer(data, dtype, count, at + length)
        found[name] = (dims, array.reshape(dims[::-1]))
        at += length + array.nbytes
    return found


def test_the_mel_bank_is_the_official_one() -> None:
    bank = mel_bank(80)
    assert bank.shape == (80, N_FFT)
    assert hashlib.sha256(bank.tobytes()).hexdigest() == OFFICIAL_MEL_BANK


def test_the_header_follows_from_the_shapes(tmp_path: Path) -> None:
    assert converted(tmp_path, toy_variables()).startswith(TOY.pack())


def test_every_tensor_is_written_once(tmp_path: Path) -> None:
    tensors = tensors_of(converted(tmp_path, toy_variables()))
    assert len(tensors) == 11 + 15 * LAYERS + 24 * LAYERS
    assert next(iter(tensors)) == "decoder.positional_embedding"
    assert list(tensors)[-1] == "encoder.ln_post.bias"


@pytest.mark.parametrize(
    ("tensor", "source", "rows"),
    [
        ("decoder.token_embedding.weight", "decoder/embeddings/weight", slice(None)),
        (
            "encoder.blocks.1.attn.value.weight",
            "encoder/layer_1/self_attention/linear_0/weight",
            slice(8, 12),
        ),
        (
            "decoder.blocks.0.cross_attn.key.weight",
            "decoder/layer_0/attention/linear_1/weight",
            slice(0, 4),
        ),
        (
            "decoder.blocks.1.cross_attn_ln.bias",
            "decoder/layer_1/attention/layer_norm/beta",
            slice(None),
        ),
        ("encoder.ln_post.weight", "encoder/layer_norm/gamma", slice(None)),
        (
            "encoder.blocks.0.mlp.2.weight",
            "encoder/layer_0/ffn/linear_1/weight",
            slice(None),
        ),
    ],
)
def test_weights_keep_their_values(
    tmp_path: Path, tensor: str, source: str, rows: slice
) -> None:
    _, array = tensors_of(converted(tmp_path, toy_variables()))[tensor]
    np.testing.assert_array_equal(array, toy_variables()[source][rows])


def test_convolution_biases_are_columns(tmp_path: Path) -> None:
    dims, array = tensors_of(converted(tmp_path, toy_variables()))["encoder.conv1.bias"]
    assert dims == (1, STATE)
    assert array.dtype == np.float32


def test_a_float32_model_is_rounded_to_float16(tmp_path: Path) -> None:
    halves = toy_variables()
    wide: Variables = {
        name: array.astype("<f4") if array.ndim else array
        for name, array in halves.items()
    }
    (tmp_path / "wide").mkdir()
    assert converted(tmp_path / "wide", wide) == converted(tmp_path, halves)


def test_a_quantised_model_is_refused(tmp_path: Path) -> None:
    variables = toy_variables()
    name = "decoder/embeddings/weight"
    variables[name] = variables[name].astype("<i1")
    with pytest.raises(NotConvertible, match="int8 models do not convert"):
        converted(tmp_path, variables)


def test_a_weight_of_another_shape_is_refused(tmp_path: Path) -> None:
    variables = toy_variables()
    variables["encoder/conv2/bias"] = np.zeros(STATE + 1, "<f2")
    with pytest.raises(NotConvertible, match="expected encoder/conv2/bias as float"):
        converted(tmp_path, variables)


def test_a_weight_of_another_rank_is_refused(tmp_path: Path) -> None:
    variables = toy_variables()
    variables["encoder/conv1/weight"] = np.zeros(STATE, "<f2")
    with pytest.raises(NotConvertible, match="of rank 3"):
        converted(tmp_path, variables)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("encoder/layer_1/self_attention/linear_0/bias", STATE),
        ("decoder/layer_0/attention/linear_1/bias", 0),
    ],
)
def test_a_key_bias_is_refused(tmp_path: Path, name: str, row: int) -> None:
    variables = toy_variables()
    variables[name][row] = 1
    with pytest.raises(NotConvertible, match="expected the key bias"):
        converted(tmp_path, variables)


def test_tokens_are_written_as_bytes(tmp_path: Path) -> None:
    table = token_table(write_tokenizer(tmp_path / "t.json"), english=False)
    tokens = (b"!", b" a", b"\x80", b"")
    expected = [struct.pack("<i", len(token)) + token for token in tokens]
    assert table == struct.pack("<i", 4) + b"".join(expected)


def test_the_english_table_ends_with_end_of_text(tmp_path: Path) -> None:
    table = token_table(write_tokenizer(tmp_path / "t.json"), english=True)
    assert table[:4] == struct.pack("<i", 5)
    assert table.endswith(struct.pack("<i", 13) + b"<|endoftext|>")


def test_every_byte_has_a_character(tmp_path: Path) -> None:
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = [byte for byte in range(256) if byte not in printable]
    characters = [
        chr(byte) if byte in printable else chr(256 + hidden.index(byte))
        for byte in range(256)
    ]
    path = write_tokenizer(tmp_path / "t.json", tuple(characters))
    table = token_table(path, english=False)
    assert table[4:] == b"".join(b"\1\0\0\0" + bytes([byte]) for byte in range(256))


@pytest.mark.parametrize(
    ("tokenizer", "message"),
    [
        ("<html>", "expected a tokenizer.json"),
        ("[]", "expected a tokenizer.json"),
        ('{"model": {}}', "expected a tokenizer.json"),
        ('{"model": {"vocab": []}}', "to map text to ids"),
        ('{"model": {"vocab": {"a": "b"}}}', "to map text to ids"),
        ('{"model": {"vocab": {"a": 0, "b": 2}}}', "ids 0 to 1, got gaps"),
        ('{"model": {"vocab": {"a b": 0}}}', "byte-level BPE"),
    ],
)
def test_a_bad_tokenizer_is_refused(
    tmp_path: Path, tokenizer: str, message: str
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer)
    with pytest.raises(NotConvertible, match=message):
        token_table(path, english=False)


def test_no_source_is_read_twice() -> None:
    sources = [source_of(name) for name in expected_tensors(replace(TOY, n_vocab=1))]
    assert len(set(sources)) == len(sources)


def test_progress_is_bytes_written(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    model = write_model(tmp_path / "model.bin", toy_variables())
    tokenizer = write_tokenizer(tmp_path / "tokenizer.json")
    target = tmp_path / "toy.bin"
    convert(model, tokenizer, target, lambda *call: calls.append(call))
    assert calls[-1] == ("converting", target.stat().st_size, None)


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["base", "tiny.en"])
def test_a_conversion_is_byte_identical_to_the_official_file(
    converted_models: Path, name: str
) -> None:
    check(converted_models / find(name).file_name, official(name))
