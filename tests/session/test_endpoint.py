from hypothesis import given
from hypothesis import strategies as st

from whispercpp_ws.decoding import SAMPLE_RATE
from whispercpp_ws.session.endpoint import HYSTERESIS_FRAMES, Endpointer, Signal
from whispercpp_ws.session.phases import Input, Phase
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceFrame


VOICE = VoiceFrame(True, 0.1)
SILENCE = VoiceFrame(False, 0.0)


def endpointer(**tuning: float) -> Endpointer:
    return Endpointer(Tuning(release_ms=0, **tuning), endpoint_ms=600)  # type: ignore[arg-type]


def feed(listener: Endpointer, frame: VoiceFrame, seconds: float) -> list[Signal]:
    signals = [listener.receive(frame) for _ in range(round(seconds * 50))]
    return [signal for signal in signals if signal is not Signal.NOTHING]


def test_silence_starts_nothing() -> None:
    listener = endpointer()
    assert feed(listener, SILENCE, 60) == []
    assert not listener.is_open


def test_a_click_of_two_frames_starts_nothing() -> None:
    listener = endpointer()
    feed(listener, SILENCE, 1)
    assert feed(listener, VOICE, 0.04) + feed(listener, SILENCE, 1) == []


def test_speech_starts_at_its_first_voiced_frame() -> None:
    listener = endpointer()
    feed(listener, SILENCE, 1)
    assert feed(listener, VOICE, 1) == [Signal.STARTED]
    assert listener.span.start == SAMPLE_RATE
    assert listener.span.speech_end == 2 * SAMPLE_RATE
    assert listener.span.voiced_s == 1.0


def test_an_utterance_ends_after_the_endpoint_of_silence() -> None:
    listener = endpointer()
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 0.58) == []
    assert feed(listener, SILENCE, 0.02) == [Signal.ENDED]
    assert listener.ended.speech_end == SAMPLE_RATE
    assert listener.position == int(1.6 * SAMPLE_RATE)


def test_a_shorter_silence_is_a_pause_inside_the_utterance() -> None:
    listener = endpointer()
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 0.4) + feed(listener, VOICE, 1) == []
    assert listener.span.pauses == [(SAMPLE_RATE, int(1.4 * SAMPLE_RATE))]
    assert listener.span.voiced_s == 2.0


def test_past_the_soft_limit_a_short_pause_ends_it() -> None:
    listener = endpointer(soft_utterance_s=2.0)
    feed(listener, VOICE, 3)
    assert feed(listener, SILENCE, 0.3) == [Signal.ENDED]


def test_at_the_hard_limit_it_is_cut_in_its_longest_pause() -> None:
    listener = endpointer(max_utterance_s=5.0, soft_utterance_s=5.0)
    for silence_s in (0.2, 0.4, 0.12):
        feed(listener, VOICE, 1)
        feed(listener, SILENCE, silence_s)
    assert feed(listener, VOICE, 2) == [Signal.CUT]
    assert listener.cut_at == int(2.4 * SAMPLE_RATE)
    assert listener.ended.speech_end == int(2.2 * SAMPLE_RATE)
    assert listener.span.start == int(2.6 * SAMPLE_RATE)
    assert listener.ended.voiced_s == 2.0
    assert listener.phase is Phase.SPEECH


def test_it_is_not_cut_before_what_is_decoded_already() -> None:
    listener = endpointer(max_utterance_s=6.0)
    feed(listener, VOICE, 4)
    feed(listener, VoiceFrame(True, 0.01), 0.02)
    listener.cut_after = int(4.5 * SAMPLE_RATE)
    assert feed(listener, VOICE, 3) == [Signal.CUT]
    assert listener.cut_at >= listener.cut_after


def test_without_a_pause_it_is_cut_at_its_quietest_frame() -> None:
    listener = endpointer(max_utterance_s=5.0)
    feed(listener, VOICE, 4)
    listener.receive(VoiceFrame(True, 0.01))
    assert feed(listener, VOICE, 1.5) == [Signal.CUT]
    assert listener.cut_at == 4 * SAMPLE_RATE
    assert listener.span.start == 4 * SAMPLE_RATE


def test_of_frames_before_an_utterance_hardly_any_are_remembered() -> None:
    listener = endpointer()
    feed(listener, VOICE, 4)
    assert len(listener._history) == 200
    feed(listener, SILENCE, 2)
    assert len(listener._history) == HYSTERESIS_FRAMES


def test_a_held_utterance_stays_open_through_silence_until_the_flush() -> None:
    listener = endpointer()
    listener.is_held = True
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 10) == []
    feed(listener, VOICE, 1)
    assert listener.receive_end(Input.FLUSH) is Signal.ENDED
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 1) == [Signal.ENDED]


def test_even_a_held_utterance_ends_at_the_limit() -> None:
    listener = endpointer(max_utterance_s=5.0)
    listener.is_held = True
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 5) == [Signal.ENDED]


def test_flush_ends_an_open_utterance_and_nothing_else() -> None:
    listener = endpointer()
    assert listener.receive_end(Input.FLUSH) is Signal.NOTHING
    feed(listener, VOICE, 1)
    assert listener.receive_end(Input.FLUSH) is Signal.ENDED
    assert listener.receive_end(Input.EOF) is Signal.NOTHING
    assert listener.phase is Phase.CLOSED


@given(st.lists(st.booleans(), max_size=3000))
def test_utterances_never_overlap_nor_outlast_the_limit(voiced: list[bool]) -> None:
    listener = endpointer(max_utterance_s=5.0, soft_utterance_s=3.0)
    last_end = 0
    for flag in voiced:
        signal = listener.receive(VOICE if flag else SILENCE)
        if signal in (Signal.ENDED, Signal.CUT):
            ended = listener.ended
            assert last_end <= ended.start <= ended.speech_end <= listener.position
            assert ended.speech_end - ended.start <= 5.0 * SAMPLE_RATE + FRAME_SAMPLES
            last_end = ended.speech_end


def test_a_little_silence_is_the_end_of_a_word_and_not_counted() -> None:
    listener = Endpointer(Tuning(release_ms=100), endpoint_ms=600)
    feed(listener, VOICE, 1)
    assert feed(listener, SILENCE, 0.68) == []
    assert feed(listener, SILENCE, 0.02) == [Signal.ENDED]
