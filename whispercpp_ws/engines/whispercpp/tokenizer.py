"""Text to tokens and back, with the vocabulary of one loaded model."""

from collections.abc import Iterable

from whispercpp_ws.engines.whispercpp.binding import LibWhisper
from whispercpp_ws.errors import RefusedInput


MAX_TEXT_CHARACTERS = 1024
"""About the 223 tokens a prompt can hold. libwhisper's tokenizer takes time with the
cube of a word's bytes: 4096 emoji without a space took 10 s."""


class Tokenizer:
    """The vocabulary of a context; valid until the context is freed."""

    def __init__(self, lib: LibWhisper, context: int) -> None:
        self._lib = lib
        self._context = context
        self.end_of_text = lib.end_of_text(context)
        """The first special token; every text token is smaller."""

    def tokenize(self, text: str) -> tuple[int, ...]:
        """
        Return the text tokens of a text; no text gives a special token.

        Raises:
            RefusedInput: more than `MAX_TEXT_CHARACTERS`, NUL, or lone surrogates.
        """
        tokens = self._lib.tokenize(self._context, _utf8(text))
        return tuple(token for token in tokens if self.is_text(token))

    def is_text(self, token: int) -> bool:
        """Tell whether a token is text: not a special one and not a timestamp."""
        return 0 <= token < self.end_of_text

    def token_bytes(self, token: int) -> bytes:
        """Return a text token's bytes, which may be part of a character."""
        return self._lib.token_bytes(self._context, token)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of text tokens."""
        data = b"".join(self.token_bytes(token) for token in tokens)
        return data.decode("utf-8", "replace")


def _utf8(text: str) -> bytes:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise RefusedInput(
            f"prompt: expected at most {MAX_TEXT_CHARACTERS} characters, "
            f"got {len(text)}; send only its end",
            field="prompt",
        )
    if "\0" in text:
        raise RefusedInput("prompt: expected text, got a NUL character", field="prompt")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RefusedInput(
            f"prompt: expected Unicode text, got {error.reason}", field="prompt"
        ) from error
