import pytest

from tests.engines.whispercpp.conftest import spectrograms
from tests.engines.whispercpp.fake_whisper import FakeWhisper
from whispercpp_ws.decoding import DecodeOptions, DecodeRequest, Priority, Samples
from whispercpp_ws.engines.whispercpp.engine import WhisperCppEngine
from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.engines.whispercpp.model_file import ModelHeader
from whispercpp_ws.engines.whispercpp.results import Model


TINY = EncoderShape(mels=80, state=384, audio_layers=4, text_layers=4)
BASE = EncoderShape(mels=80, state=512, audio_layers=6, text_layers=6)


@pytest.mark.parametrize(
    ("shape", "frames", "gigaflops"),
    [(TINY, 256, 5.0), (TINY, 1500, 40.5), (BASE, 512, 26.8), (BASE, 1500, 96.8)],
)
def test_a_pass_costs_what_the_published_table_says(
    shape: EncoderShape, frames: int, gigaflops: float
) -> None:
    assert shape.flops(frames) / 1e9 == pytest.approx(gigaflops, abs=0.06)


def test_the_shape_is_the_headers() -> None:
    header = ModelHeader(51865, 1500, 512, 8, 6, 448, 512, 8, 6, 80, 7)
    assert EncoderShape.of(header) == BASE


def decoded_flops(second: Samples, language: str, vocabulary: int) -> float:
    lib = FakeWhisper(vocabulary=vocabulary)
    model = Model.of(lib, 1, spectrograms=spectrograms(), aligned=False, encoder=TINY)
    engine = WhisperCppEngine(model, name="fake", lanes=1)
    options = DecodeOptions(language, audio_ctx=100)
    lane = engine.open_lane()
    return lane.decode(
        DecodeRequest(1, Priority.FINAL, second, options)
    ).cost.encoder_flops


def test_a_decode_counts_its_pass_and_a_detection_one_more(second: Samples) -> None:
    once = TINY.flops(100)
    assert decoded_flops(second, "en", 51865) == once
    assert decoded_flops(second, "auto", 51865) == 2 * once
    assert decoded_flops(second, "auto", 51864) == once
