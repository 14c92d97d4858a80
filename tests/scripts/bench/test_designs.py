from scripts.bench.audio import SpeechBounds
from scripts.bench.designs import cpu_ratio, score_design
from scripts.bench.run import Load
from scripts.bench.scores import ClipRun, score_clip
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final
from whispercpp_ws.engines.whispercpp.flops import EncoderShape


BASE = EncoderShape(mels=80, state=512, audio_layers=6, text_layers=6)
RUN = ClipRun(
    clip(said="a b"), SpeechBounds(0.5, 1.5), Timeline(settled=(final(2.0, "a x"),))
)


def load(cpu_s: float, speech_s: float = 10.0) -> Load:
    counters = {"encoder_flops.final": BASE.flops(1500)}
    return Load(1.0, 12.0, speech_s, cpu_s, 0, counters)


def test_a_design_is_scored_for_each_second_of_speech() -> None:
    found = score_design("some", [score_clip(RUN)], load(5.0, 60.0), BASE)
    assert (found.wer, found.cpu_per_speech_s) == (50.0, 5.0 / 60)
    assert found.redundancy is not None
    assert found.redundancy.total == 0.5
    assert found.speech_end_to_final_s.p50 == 0.5


def test_a_design_is_compared_with_the_first() -> None:
    cheap, dear = (score_design("x", [], load(cpu_s), BASE) for cpu_s in (5.0, 20.0))
    assert cpu_ratio(dear, cheap) == 4.0


def test_without_speech_nothing_is_compared() -> None:
    silent = score_design("x", [], load(5.0, 0.0), BASE)
    assert (silent.wer, silent.cpu_per_speech_s) == (None, None)
    assert cpu_ratio(silent, silent) is None
