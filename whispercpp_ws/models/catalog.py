"""
The models that can be fetched: names, sizes, checksums, languages.

"base" is a model as OpenAI's weights were published for whisper.cpp, in f16;
"base-q8_0" is the same model quantised. Sizes and SHA-256 of the f16 files and of
`q8_0` are those of the official files. The other quantised forms are what whisper.cpp
1.8.5's own tool makes of the f16 file. That is canonical here: the official q5_1 files
were made by an older version and differ in bytes, though not in size. `q4_k` is our own
(`importance.py`): there is no official file, and the tool's loses more words.
"""

import difflib
from dataclasses import dataclass
from enum import Enum

from whispercpp_ws.errors import ModelNotInCatalog


QUANTS = ("q4_0", "q4_k", "q5_0", "q5_1", "q8_0")
"""Quantised forms, smallest first."""

Q4_K_BLOCK = 256
"""Row lengths that `q4_k` divides; those of tiny models, 384, it does not."""

LICENCE = "MIT"
"""Of OpenAI's weights and of Silero VAD."""

_BYTES_PER_32 = {"f16": 64, "q4_0": 18, "q4_k": 18, "q5_0": 22, "q5_1": 24, "q8_0": 34}


class ModelKind(Enum):
    """What a model file is for."""

    SPEECH = "speech"
    VAD = "vad"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One file that can be fetched or made."""

    name: str
    base: str
    """Name of the f16 file it is quantised from; its own name if it is not."""
    quant: str
    size: int
    """Bytes; follows exactly from the format."""
    sha256: str | None = None
    """None: not known beforehand, but made here from a verified f16 file."""
    sha1: str | None = None
    """As whisper.cpp's `models/README.md` lists it; f16 files only."""
    published: bool = False
    """Whether the official file has exactly these bytes."""
    languages: int = 1
    """How many the model knows; 1 is English only."""
    kind: ModelKind = ModelKind.SPEECH

    @property
    def file_name(self) -> str:
        """Name of the file, as whisper.cpp's own tools name it."""
        return f"ggml-{self.name}.bin"


@dataclass(frozen=True, slots=True)
class _Published:
    name: str
    size: int
    sha256: str
    sha1: str
    shape: tuple[int, int, int, int]
    """n_vocab, state, encoder layers, decoder layers."""

    @property
    def linear_weights(self) -> int:
        """Weights that quantising shrinks: the token embedding and linear layers."""
        n_vocab, state, audio_layers, text_layers = self.shape
        return n_vocab * state + (12 * audio_layers + 16 * text_layers) * state**2

    @property
    def forms(self) -> tuple[str, ...]:
        """The quantisations it comes in, f16 first."""
        has_blocks = self.shape[1] % Q4_K_BLOCK == 0
        quantised = (quant for quant in QUANTS if quant != "q4_k" or has_blocks)
        return ("f16", *quantised)

    def entry(self, quant: str) -> ModelEntry:
        name = self.name if quant == "f16" else f"{self.name}-{quant}"
        saved = self.linear_weights * (64 - _BYTES_PER_32[quant]) // 32
        sha256 = self.sha256 if quant == "f16" else _QUANTISED_SHA256.get(name)
        return ModelEntry(
            name=name,
            base=self.name,
            quant=quant,
            size=self.size - saved,
            sha256=sha256,
            sha1=self.sha1 if quant == "f16" else None,
            published=quant == "f16" or (quant == "q8_0" and sha256 is not None),
            languages=1 if self.name.endswith(".en") else self.shape[0] - 51_766,
        )


_PUBLISHED = (
    _Published(
        "tiny",
        77_691_713,
        "be07e048e1e599ad46341c8d2a135645097a538221678b7acdd1b1919c6e1b21",
        "bd577a113a864445d4c299885e0cb97d4ba92b5f",
        (51_865, 384, 4, 4),
    ),
    _Published(
        "tiny.en",
        77_704_715,
        "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f",
        "c78c86eb1a8faa21b369bcd33207cc90d64ae9df",
        (51_864, 384, 4, 4),
    ),
    _Published(
        "base",
        147_951_465,
        "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe",
        "465707469ff3a37a2b9b8d8f89f2f99de7299dac",
        (51_865, 512, 6, 6),
    ),
    _Published(
        "base.en",
        147_964_211,
        "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002",
        "137c40403d78fd54d454da0f9bd998f78703390c",
        (51_864, 512, 6, 6),
    ),
    _Published(
        "small",
        487_601_967,
        "1be3a9b2063867b937e64e2ec7483364a79917e157fa98c5d94b5c1fffea987b",
        "55356645c2b361a969dfd0ef2c5a50d530afd8d5",
        (51_865, 768, 12, 12),
    ),
    _Published(
        "small.en",
        487_614_201,
        "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d",
        "db8a495a91d927739e50b3fc1cc4c6b8f6c2d022",
        (51_864, 768, 12, 12),
    ),
    _Published(
        "medium",
        1_533_763_059,
        "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208",
        "fd9727b6e1217c2f614f9b698455c4ffd82463b4",
        (51_865, 1024, 24, 24),
    ),
    _Published(
        "medium.en",
        1_533_774_781,
        "cc37e93478338ec7700281a7ac30a10128929eb8f427dda2e865faa8f6da4356",
        "8c30f0e44ce9560643ebd10bbe50cd20eafd3723",
        (51_864, 1024, 24, 24),
    ),
    _Published(
        "large-v1",
        3_094_623_691,
        "7d99f41a10525d0206bddadd86760181fa920438b6b33237e3118ff6c83bb53d",
        "b1caaf735c4cc1429223d5a74f0f4d0b9b59a299",
        (51_865, 1280, 32, 32),
    ),
    _Published(
        "large-v2",
        3_094_623_691,
        "9a423fe4d40c82774b6af34115b8b935f34152246eb19e80e376071d3f999487",
        "0f4c8e34f21cf1a914c59d8b3ce882345ad349d6",
        (51_865, 1280, 32, 32),
    ),
    _Published(
        "large-v3",
        3_095_033_483,
        "64d182b440b98d5203c4f9bd541544d84c605196c4f7b845dfa11fb23594d1e2",
        "ad82bf6a9043ceed055076d0fd39f5f186ff8062",
        (51_866, 1280, 32, 32),
    ),
    _Published(
        "large-v3-turbo",
        1_624_555_275,
        "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69",
        "4af2b29d7ec73d781377bfd1758ca957a807e941",
        (51_866, 1280, 32, 4),
    ),
)

_QUANTISED_SHA256 = {
    "tiny.en-q4_0": "3653b98189ab4dab967110b355a863722213dfac63ca76691b149f79d7b33831",
    "tiny.en-q5_0": "3d11806c1fec19226f210c5286f58ef8c0e883c8b1f6a8a9c695c3b1fee35ce8",
    "tiny.en-q5_1": "20997113f1fa483058c65fa5959a1027887a823db39ac5de6c78c272e2dd5aac",
    "tiny.en-q8_0": "5bc2b3860aa151a4c6e7bb095e1fcce7cf12c7b020ca08dcec0c6d018bb7dd94",
    "base-q4_0": "b290745a596d1c667ee10ea33ac87757370327d58286769341ebcf052807798c",
    "base-q4_k": "77d7cb5d92b734a5a16f86b5cbd3605f932d8efae857564afe59d1961a7310e8",
    "base-q5_0": "0238cb211a43e8ec0c64c0c4f98d4dbd22682579fa2ab20b49f083c529e7d1f3",
    "base-q5_1": "80147c665f9ac54ab8c3c7f55da90ac030ea40610495ba4dd0aa6304fd49d731",
    "base-q8_0": "c577b9a86e7e048a0b7eada054f4dd79a56bbfa911fbdacf900ac5b567cbb7d9",
}

_SILERO = ModelEntry(
    name="silero-v6.2.0",
    base="silero-v6.2.0",
    quant="f16",
    size=885_098,
    sha256="2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987",
    published=True,
    languages=0,
    kind=ModelKind.VAD,
)


def all_entries() -> tuple[ModelEntry, ...]:
    """Return every entry, smallest model first, f16 before its quantised forms."""
    return tuple(_BY_NAME.values())


def find(name: str) -> ModelEntry:
    """
    Return the entry of that name.

    Raises:
        ModelNotInCatalog: there is none; the message names the closest ones.
    """
    entry = _BY_NAME.get(name)
    if entry is None:
        close = difflib.get_close_matches(name, _BY_NAME, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "see `models list`"
        raise ModelNotInCatalog(
            f"expected a model of the catalogue, got {name[:80]!r}; {hint}"
        )
    return entry


def name_of(model: str, quant: str) -> str:
    """
    Return the catalogue name of a model in a quantisation.

    A model name that already carries its quantisation is returned as it is.

    Raises:
        ModelNotInCatalog: there is no such model or quantisation.
    """
    entry = find(model)
    if quant == "f16" or entry.quant != "f16" or entry.kind is ModelKind.VAD:
        return entry.name
    return find(f"{model}-{quant}").name


_BY_NAME = {
    entry.name: entry
    for published in _PUBLISHED
    for entry in map(published.entry, published.forms)
} | {_SILERO.name: _SILERO}
