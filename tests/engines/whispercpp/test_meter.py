from whispercpp_ws.engines.whispercpp.flops import EncoderShape
from whispercpp_ws.engines.whispercpp.meter import Meter
from whispercpp_ws.transcript import Hypothesis


SHAPE = EncoderShape(mels=80, state=384, audio_layers=4, text_layers=4)


def work() -> int:
    return sum(range(200_000))


def test_time_in_the_voice_detector_is_counted_apart() -> None:
    meter = Meter(SHAPE, threads=1)
    with meter.voice_detection():
        work()
    heard = meter.charge(Hypothesis("one"))
    assert heard.text == "one"
    assert heard.cost.vad_cpu_s > heard.cost.cpu_s >= 0
    assert heard.decode_s > 0


def test_the_first_threads_time_stands_for_the_others() -> None:
    meters = [Meter(SHAPE, threads=1), Meter(SHAPE, threads=1000)]
    work()
    one, many = (meter.charge(Hypothesis()).cost.cpu_s for meter in meters)
    assert many > 100 * one > 0


def test_encoder_passes_add_up() -> None:
    meter = Meter(SHAPE, threads=1)
    meter.note_encode(100)
    meter.note_encode(200)
    expected = SHAPE.flops(100) + SHAPE.flops(200)
    assert meter.charge(Hypothesis()).cost.encoder_flops == expected
