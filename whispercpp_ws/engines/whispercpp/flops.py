"""How much arithmetic an encoder pass is, from the shape of the model."""

from dataclasses import dataclass

from whispercpp_ws.engines.whispercpp.model_file import ModelHeader


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """What the cost of an encoder pass depends on."""

    mels: int
    state: int
    audio_layers: int
    text_layers: int
    """Each computes keys and values of the encoder's output once per window."""

    @classmethod
    def of(cls, header: ModelHeader) -> "EncoderShape":
        """Read the shape off a model file's header."""
        return cls(
            mels=header.n_mels,
            state=header.n_audio_state,
            audio_layers=header.n_audio_layer,
            text_layers=header.n_text_layer,
        )

    def flops(self, frames: int) -> float:
        """
        Return the floating point operations of one pass over `frames` frames.

        Multiplications and additions of the two convolutions, the attention blocks
        and the keys and values for the decoder; 96.8e9 for base on its full window.
        """
        d = self.state
        convolutions = 12 * self.mels * frames * d + 6 * frames * d**2
        blocks = self.audio_layers * (24 * frames * d**2 + 4 * frames**2 * d)
        cross = 4 * self.text_layers * frames * d**2
        return float(convolutions + blocks + cross)


UNKNOWN_SHAPE = EncoderShape(mels=0, state=0, audio_layers=0, text_layers=0)
"""Of a model without a file; its passes count nothing."""
