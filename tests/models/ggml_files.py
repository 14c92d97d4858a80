"""Small, sound ggml files: the shapes of a real model, every weight zero."""

import struct
from dataclasses import replace
from pathlib import Path

from whispercpp_ws.engines.whispercpp.model_file import (
    FILE_TYPES,
    MIN_TOKENS,
    N_FFT,
    ModelHeader,
    expected_tensors,
    expected_type,
)


TINY_EN = ModelHeader(51864, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 1)
BASE_EN = ModelHeader(51864, 1500, 512, 8, 6, 448, 512, 8, 6, 80, 1)

TENSORS_OFFSET = 48 + 8 + 4 * 80 * N_FFT + 4 + 5 * MIN_TOKENS


def write_model(path: Path, header: ModelHeader = TINY_EN) -> Path:
    """Write a sound file; the weights are a hole, so it takes no time or space."""
    with path.open("wb") as file:
        file.write(header.pack())
        file.write(struct.pack("<2i", header.n_mels, N_FFT))
        file.write(bytes(4 * header.n_mels * N_FFT))
        file.write(struct.pack("<i", MIN_TOKENS) + b"\1\0\0\0a" * MIN_TOKENS)
        for name, dims in expected_tensors(header).items():
            kind = expected_type(name, dims, FILE_TYPES[header.ftype])
            count = 1
            for dim in dims:
                count *= dim
            file.write(tensor_head(name, dims, kind))
            file.seek(kind.size(count), 1)
        file.truncate()
    return path


def tensor_head(name: str, dims: tuple[int, ...], kind: int) -> bytes:
    """Return what stands before a tensor's data."""
    raw = name.encode()
    head = struct.pack("<3i", len(dims), len(raw), kind)
    return head + struct.pack(f"<{len(dims)}i", *dims) + raw


def with_ftype(ftype: int) -> ModelHeader:
    """Return the header of the same model in another file type."""
    return replace(TINY_EN, ftype=ftype)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Put other bytes at an offset."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def truncate(path: Path, size: int) -> None:
    """Cut a file off."""
    with path.open("r+b") as file:
        file.truncate(size)
