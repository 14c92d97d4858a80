"""Names that clients use for audio encodings."""

from whispercpp_ws.errors import UnknownFormat
from whispercpp_ws.events import Encoding


ENCODINGS: dict[str, Encoding] = {
    "pcm16le": Encoding.PCM16LE,
    "s16le": Encoding.PCM16LE,
    "pcm_s16le": Encoding.PCM16LE,
    "pcm16": Encoding.PCM16LE,
    "linear16": Encoding.PCM16LE,
    "int16": Encoding.PCM16LE,
    "s16": Encoding.PCM16LE,
    "pcm": Encoding.PCM16LE,
    "f32le": Encoding.F32LE,
    "float32": Encoding.F32LE,
    "pcm_f32le": Encoding.F32LE,
    "f32": Encoding.F32LE,
    "mulaw": Encoding.MULAW,
    "ulaw": Encoding.MULAW,
    "pcmu": Encoding.MULAW,
    "g711_ulaw": Encoding.MULAW,
    "pcm_mulaw": Encoding.MULAW,
    "alaw": Encoding.ALAW,
    "pcma": Encoding.ALAW,
    "g711_alaw": Encoding.ALAW,
    "pcm_alaw": Encoding.ALAW,
}
"""Lower-case wire names, the native one first and then those of ffmpeg, Deepgram,
OpenAI and SIP for the same bytes."""


def encoding_named(name: str) -> Encoding:
    """
    Find an encoding by any of its names, in any case.

    Raises:
        UnknownFormat: the name is none of them; the message lists the native names.
    """
    encoding = ENCODINGS.get(name.lower())
    if encoding is None:
        known = ", ".join(member.value for member in Encoding)
        raise UnknownFormat.expected("format", f"one of {known}", name)
    return encoding
