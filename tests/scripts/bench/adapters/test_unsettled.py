from scripts.bench.adapters.unsettled import without_finals
from scripts.bench.audio import SpeechBounds
from scripts.bench.scores import ClipRun, score_clip, score_set
from scripts.bench.timeline import Timeline
from tests.scripts.bench.lines import clip, final, shown


RUN = ClipRun(
    clip(said="well done"),
    SpeechBounds(0.5, 1.5),
    Timeline(shown=(shown(1.5, "well"),), settled=(final(2.0, "well down"),)),
)


def test_what_finals_measure_is_blank() -> None:
    score = score_set([without_finals(score_clip(RUN, "well done"))], 0.6)
    assert (score.wer, score.dwer, score.erasure, score.upwr) == (None,) * 4
    assert score.speech_end_to_final_s.count == score.final_s.count == 0
    assert score.word_s.count == 0


def test_the_first_text_and_the_text_itself_stay() -> None:
    score = without_finals(score_clip(RUN))
    assert score.first_partial.after_speech_s == 1.0
    assert score.text == "well down"
    assert score_set([score], 0.6).silent_clips == 0


def test_words_where_nobody_speaks_were_shown_but_never_final() -> None:
    silent = ClipRun(clip(said="", language="none"), None, RUN.timeline)
    score = without_finals(score_clip(silent))
    assert (score.invented_words, score.flashed_words) == (0, 2)
