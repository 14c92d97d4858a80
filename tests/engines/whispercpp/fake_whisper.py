"""A libwhisper that notes what it is asked and answers what a test gave it."""

from collections.abc import Callable, Sequence

from whispercpp_ws.decoding import Samples
from whispercpp_ws.engines.whispercpp.binding import LibWhisper
from whispercpp_ws.engines.whispercpp.spectrogram import Spectrogram
from whispercpp_ws.engines.whispercpp.structs import (
    ContextParams,
    FullParams,
    TokenData,
    VadContextParams,
)


CODES = ["en", "zh", "de", *(f"l{number}" for number in range(3, 99)), "yue"]
EOT = 50257


class FakeWhisper(LibWhisper):
    def __init__(self, *, vocabulary: int = 51865) -> None:
        self.last_error = "out of memory"
        self.vocabulary = vocabulary
        self.context = 1
        self.bands = 2
        self.states = [101, 102, 103]
        self.freed: list[int] = []
        self.trimmed = 0
        self.code = 0
        self.decodes: list[dict[str, object]] = []
        self.heard: list[tuple[int, tuple[int, ...]]] = []
        """States and the shapes of what they were given to hear."""
        self.during: Callable[[], None] = lambda: None
        self.segments: list[list[tuple[bytes, float]]] = [[(b" hi", -0.1)]]
        self.probabilities = [0.1] * 100
        self.vad_speech = 0.5
        self.contexts: list[ContextParams] = []

    def full_params(self) -> FullParams:
        return FullParams()

    def context_params(self) -> ContextParams:
        return ContextParams()

    def vad_context_params(self) -> VadContextParams:
        return VadContextParams(4, True, 7)

    def init_context(self, path: bytes, params: ContextParams) -> int:
        self.contexts.append(params)
        return self.context

    def free_context(self, context: int) -> None:
        self.freed.append(context)

    def init_state(self, context: int) -> int:
        return self.states.pop(0) if self.states else 0

    def trim(self) -> None:
        self.trimmed += 1

    def free_state(self, state: int) -> None:
        self.freed.append(state)

    def full(
        self, context: int, state: int, params: FullParams, samples: Samples | None
    ) -> int:
        names = [field[0] for field in FullParams._fields_]
        noted = {name: getattr(params, name) for name in names}
        noted["prompt"] = params.prompt_tokens[: params.prompt_n_tokens]
        noted["state"] = state
        noted["samples"] = None if samples is None else len(samples)
        self.decodes.append(noted)
        self.during()
        return self.code

    def set_mel(self, context: int, state: int, spectrogram: Spectrogram) -> int:
        self.heard.append((state, spectrogram.shape))
        return 0 if len(spectrogram) == self.bands else -1

    def segment_count(self, state: int) -> int:
        return len(self.segments)

    def segment_times(self, state: int, segment: int) -> tuple[int, int]:
        return 100 * segment, 100 * segment + 100

    def tokens(self, state: int, segment: int) -> list[TokenData]:
        texts = self.segments[segment]
        return [
            TokenData(id=index, plog=logprob, t0=0, t1=50, t_dtw=20 * (index + 1))
            for index, (_, logprob) in enumerate(texts)
        ] + [TokenData(id=EOT), TokenData(id=EOT + 107)]

    def token_bytes(self, context: int, token: int) -> bytes:
        return self.segments[0][token][0]

    def language_probabilities(self, context: int, state: int) -> list[float]:
        return self.probabilities

    def language_codes(self) -> list[str]:
        return CODES

    def vocabulary_size(self, context: int) -> int:
        return self.vocabulary

    def end_of_text(self, context: int) -> int:
        return EOT

    def tokenize(self, context: int, text: bytes) -> list[int]:
        return [EOT if byte == ord("!") else byte for byte in text]

    def init_vad(self, path: bytes, params: VadContextParams) -> int:
        return self.context

    def vad_probabilities(self, vad: int, samples: Samples) -> list[float]:
        self.during()
        return [self.vad_speech] * (len(samples) // 512)

    def reset_vad(self, vad: int) -> None:
        self.freed.append(-vad)

    def free_vad(self, vad: int) -> None:
        self.freed.append(vad)


def texts(words: Sequence[str]) -> list[tuple[bytes, float]]:
    """Make one token per word."""
    return [(f" {word}".encode(), -0.1) for word in words]
