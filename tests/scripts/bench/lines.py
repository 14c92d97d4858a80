"""Hand-made timelines."""

from scripts.bench.audio import LEAD_S, StreamAudio
from scripts.bench.manifest import Clip
from scripts.bench.timeline import SettledText, ShownText
from tests.conftest import ROOT
from whispercpp_ws.transcript import Word


JFK = ROOT / "tests" / "data" / "jfk.wav"


def clip(
    *, set_name: str = "some", clip_id: str = "one", language: str = "en", said: str
) -> Clip:
    return Clip(set_name, clip_id, JFK, 2.0, 16_000, 1, language, said)


def shown(at_s: float, text: str, stable: str = "", utterance: int = 1) -> ShownText:
    return ShownText(at_s, utterance, text, stable)


def final(
    at_s: float, text: str, *, end_s: float = 1.0, utterance: int = 1
) -> SettledText:
    """A final whose words end at 1/n, 2/n ... of its end."""
    parts = text.split()
    step_s = end_s / max(1, len(parts))
    words = tuple(
        Word(part, n * step_s, (n + 1) * step_s, 0.9) for n, part in enumerate(parts)
    )
    return SettledText(at_s, utterance, text, 0.0, end_s, "en", words, lag_s=0.8)


def sound(pcm: bytes, *, channels: int = 1, rate: int = 16_000) -> StreamAudio:
    """The PCM between its silences."""
    lead = bytes(2 * channels * round(LEAD_S * rate))
    seconds = len(pcm) / (2 * channels * rate)
    return StreamAudio(lead + pcm + lead, rate, channels, LEAD_S, seconds)
