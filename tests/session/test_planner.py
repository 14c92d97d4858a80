from collections import deque

import numpy as np
import pytest

from tests.session.words import heard, spoken
from whispercpp_ws.decoding import SAMPLE_RATE, DecodeRequest, Priority
from whispercpp_ws.events import SessionOptions
from whispercpp_ws.session.audio import SampleBuffer
from whispercpp_ws.session.endpoint import Endpointer
from whispercpp_ws.session.language import LanguageMemory
from whispercpp_ws.session.planner import DecodePlanner, Purpose
from whispercpp_ws.session.tuning import Tuning
from whispercpp_ws.session.utterance import Part, Utterance
from whispercpp_ws.session.vad import FRAME_SAMPLES, VoiceFrame


class Scene:
    """A planner with hand-made audio: call `speak` and `pause`, then ask."""

    def __init__(self, options: SessionOptions | None = None) -> None:
        self.options = options or SessionOptions(language="en")
        self.buffer = SampleBuffer()
        tuning = Tuning(prompt_chars=200)
        self.endpointer = Endpointer(tuning, endpoint_ms=600)
        self.planner = DecodePlanner(
            tuning,
            buffer=self.buffer,
            endpointer=self.endpointer,
            languages=LanguageMemory(switch_probability=0.7),
        )
        self.waiting: deque[Utterance] = deque()
        self.utterance: Utterance | None = None

    def speak(self, seconds: float) -> None:
        self._feed(VoiceFrame(True, 0.1), seconds)

    def pause(self, seconds: float) -> None:
        self._feed(VoiceFrame(False, 0.0), seconds)

    def _feed(self, frame: VoiceFrame, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.buffer.append(np.zeros(FRAME_SAMPLES, np.float32))
            self.endpointer.receive(frame)
        if self.utterance is None:
            span = self.endpointer.span
            part = Part(max(0, span.start - SAMPLE_RATE * 3 // 10))
            self.utterance = Utterance(1, self.options, span, [part])

    def ask(self) -> DecodeRequest | None:
        return self.planner.next(self.waiting, self.utterance)

    def end(self) -> Utterance:
        assert self.utterance is not None
        self.utterance.close_part(self.planner.tail_end(self.utterance))
        self.waiting.append(self.utterance)
        ended, self.utterance = self.utterance, None
        return ended


def test_nothing_is_asked_before_a_step_of_speech() -> None:
    scene = Scene()
    scene.speak(0.24)
    assert scene.ask() is None


def test_one_partial_is_asked_at_a_time() -> None:
    scene = Scene()
    scene.speak(0.6)
    request = scene.ask()
    assert request is not None and request.priority is Priority.PARTIAL
    assert not request.options.prompt
    scene.speak(5.0)
    assert scene.ask() is None
    asked = scene.planner.answer(request.id)
    assert asked is not None and asked.purpose is Purpose.PARTIAL
    newer = scene.ask()
    assert newer is not None and newer.seconds > 5.0


@pytest.mark.parametrize(("later_s", "known_s"), [(0.0, 2.1), (0.5, 0.0)])
def test_speech_that_was_found_need_not_be_looked_for_in_a_window_with_it(
    later_s: float, known_s: float
) -> None:
    scene = Scene()
    scene.speak(3.0)
    first = scene.ask()
    assert first is not None and first.options.known_speech_s == 0.0
    scene.planner.answer(first.id)
    assert scene.utterance is not None
    (part,) = scene.utterance.parts
    part.note_speech(2.1, part.start, SAMPLE_RATE * 3)
    scene.utterance.partial_start = part.start + round(later_s * SAMPLE_RATE)
    scene.speak(1.0)
    partial = scene.ask()
    assert partial is not None and partial.options.known_speech_s == known_s
    scene.planner.answer(partial.id)
    scene.end()
    final = scene.ask()
    assert final is not None and final.options.known_speech_s == 2.1


def test_no_partial_without_new_speech() -> None:
    scene = Scene()
    scene.speak(0.6)
    request = scene.ask()
    assert request is not None
    scene.planner.answer(request.id)
    scene.pause(0.14)
    scene.speak(0.1)
    assert scene.ask() is None


def test_no_partial_for_a_client_that_wants_none() -> None:
    scene = Scene(SessionOptions(language="en", partials=False))
    scene.speak(3.0)
    assert scene.ask() is None


def test_a_final_starts_ahead_in_a_pause_and_is_not_asked_again() -> None:
    scene = Scene()
    scene.speak(0.4)
    scene.pause(0.24)
    request = scene.ask()
    assert request is not None and request.priority is Priority.SPECULATIVE
    assert request.seconds == 0.64
    scene.pause(0.2)
    assert scene.ask() is None
    scene.end()
    assert scene.ask() is None
    assert scene.planner.answer(request.id) is not None


def test_a_final_started_ahead_is_stale_when_speech_goes_on() -> None:
    scene = Scene()
    scene.speak(0.4)
    scene.pause(0.3)
    early = scene.ask()
    assert early is not None
    scene.speak(1.0)
    scene.end()
    late = scene.ask()
    assert late is not None and late.priority is Priority.FINAL
    assert scene.planner.answer(early.id) is None
    assert scene.planner.answer(late.id) is not None


def test_a_final_overtakes_a_partial_that_is_out() -> None:
    scene = Scene()
    scene.speak(0.6)
    assert scene.ask() is not None
    scene.end()
    request = scene.ask()
    assert request is not None and request.priority is Priority.FINAL


def with_stable_text(utterance: Utterance) -> None:
    for _ in range(2):
        utterance.agreement.receive(spoken("words"), settled_until_s=9.0)


def test_a_partial_that_took_long_makes_the_next_one_wait_longer() -> None:
    scene = Scene()
    scene.speak(1.0)
    request = scene.ask()
    assert request is not None and scene.utterance is not None
    scene.planner.answer(request.id)
    with_stable_text(scene.utterance)
    scene.utterance.partial_cost_s = 0.6
    scene.speak(1.1)
    assert scene.ask() is None
    scene.speak(0.1)
    assert scene.ask() is not None


def test_before_any_text_is_stable_partials_follow_each_other_sooner() -> None:
    scene = Scene()
    scene.speak(1.0)
    request = scene.ask()
    assert request is not None and scene.utterance is not None
    scene.planner.answer(request.id)
    scene.utterance.partial_cost_s = 0.6
    scene.speak(0.5)
    assert scene.ask() is None
    scene.speak(0.1)
    assert scene.ask() is not None


def test_no_partial_waits_for_ever() -> None:
    scene = Scene()
    scene.speak(1.0)
    request = scene.ask()
    assert request is not None and scene.utterance is not None
    scene.planner.answer(request.id)
    with_stable_text(scene.utterance)
    scene.utterance.partial_cost_s = 60.0
    scene.speak(2.0)
    assert scene.ask() is not None


def test_a_closed_part_is_decoded_while_the_utterance_goes_on() -> None:
    scene = Scene()
    scene.speak(2.0)
    assert scene.utterance is not None
    scene.utterance.close_part(SAMPLE_RATE)
    scene.utterance.parts.append(Part(SAMPLE_RATE))
    request = scene.ask()
    assert request is not None and request.priority is Priority.SPECULATIVE
    assert request.seconds == 1.0
    scene.speak(2.0)
    assert scene.ask() is None
    scene.end()
    assert scene.ask() is None
    assert scene.planner.answer(request.id) is not None


def test_a_final_hears_the_speech_before_a_short_silence() -> None:
    scene = Scene()
    scene.speak(1.0)
    scene.pause(0.4)
    scene.speak(1.0)
    scene.pause(0.8)
    scene.utterance = None
    scene.speak(1.0)
    scene.end()
    request = scene.ask()
    assert request is not None and request.options.word_times
    assert request.seconds == pytest.approx(1.0 + 0.4 + 1.0 + 0.8 + 1.0)
    assert request.options.context_s == pytest.approx(1.0 + 0.4 + 1.0 + 0.8 - 0.3)


def test_a_window_with_context_is_never_longer_than_is_quick_to_decode() -> None:
    scene = Scene()
    scene.speak(9.0)
    scene.pause(0.8)
    scene.utterance = None
    scene.speak(2.0)
    scene.end()
    request = scene.ask()
    assert request is not None
    assert request.seconds == pytest.approx(Tuning().context_s)


def test_a_moment_of_earlier_speech_is_no_context() -> None:
    scene = Scene()
    scene.speak(0.5)
    scene.pause(0.8)
    scene.utterance = None
    scene.speak(2.0)
    scene.end()
    request = scene.ask()
    assert request is not None and request.options.context_s == 0.0


def test_no_partial_starts_when_a_final_may_be_wanted_soon() -> None:
    scene = Scene()
    scene.speak(1.0)
    scene.pause(0.06)
    assert scene.ask() is None
    scene.speak(0.02)
    assert scene.ask() is not None


def test_where_text_is_shown_the_next_partial_waits_for_any_silence() -> None:
    scene = Scene()
    scene.speak(1.0)
    scene.pause(0.02)
    assert scene.utterance is not None
    scene.utterance.shown = "one"
    assert scene.ask() is None
    scene.utterance.shown = ""
    assert scene.ask() is not None


@pytest.mark.parametrize(("pause_s", "speech_s"), [(1.8, 1.0), (0.8, 11.0)])
def test_speech_long_before_or_more_than_fits_is_no_context(
    pause_s: float, speech_s: float
) -> None:
    scene = Scene()
    scene.speak(1.0)
    scene.pause(0.4)
    scene.speak(1.0)
    scene.pause(pause_s)
    scene.utterance = None
    scene.speak(speech_s)
    scene.end()
    request = scene.ask()
    assert request is not None and request.options.context_s == 0.0


def test_a_second_decode_hears_no_other_speech() -> None:
    scene = Scene()
    scene.speak(1.0)
    scene.pause(0.4)
    scene.speak(1.0)
    scene.pause(0.8)
    scene.utterance = None
    scene.speak(1.0)
    ended = scene.end()
    request = scene.ask()
    assert request is not None
    scene.planner.answer(request.id)
    ended.parts[0].retried = True
    again = scene.ask()
    assert again is not None and again.options.context_s == 0.0
    assert again.options.audio_ctx > request.options.audio_ctx


def test_a_longer_window_is_a_first_decode_again() -> None:
    part = Part(0)
    part.ask(100)
    part.retried = True
    part.ask(100)
    assert part.retried
    part.ask(200)
    assert not part.retried


def test_the_language_is_detected_before_the_final() -> None:
    scene = Scene(SessionOptions(language="auto"))
    scene.speak(3.0)
    assert scene.utterance is not None
    scene.utterance.detect_until = int(1.5 * SAMPLE_RATE)
    ended = scene.end()
    request = scene.ask()
    assert request is not None and request.options.language == "auto"
    assert request.seconds == 1.5
    ended.language = "ru"
    scene.planner.answer(request.id)
    final = scene.ask()
    assert final is not None and final.options.language == "ru"


def test_a_window_names_the_languages_to_choose_from_and_the_task() -> None:
    options = SessionOptions(candidates=("ru", "en"), translate=True)
    scene = Scene(options)
    scene.speak(0.6)
    request = scene.ask()
    assert request is not None
    assert request.options.language == "auto"
    assert request.options.candidates == ("ru", "en")
    assert request.options.translate


def test_a_retry_takes_more_room_and_no_prompt() -> None:
    scene = Scene(SessionOptions(language="en", prompt="glossary"))
    scene.speak(2.0)
    ended = scene.end()
    first = scene.ask()
    assert first is not None and first.options.prompt == "glossary"
    scene.planner.answer(first.id)
    ended.parts[0].retried = True
    again = scene.ask()
    assert again is not None
    assert (again.options.audio_ctx, again.options.prompt) == (350, "")


def test_the_next_final_is_prompted_with_the_one_before() -> None:
    scene = Scene()
    scene.speak(1.0)
    ended = scene.end()
    scene.planner.carry_prompt("word " * 60 + "end.", ended)
    request = scene.ask()
    assert request is not None
    assert request.options.prompt.endswith("word end.")
    assert request.options.prompt.startswith("word")
    assert len(request.options.prompt) <= 200


def test_a_doubtful_final_or_a_long_silence_clears_the_prompt() -> None:
    scene = Scene()
    scene.speak(1.0)
    ended = scene.end()
    scene.planner.carry_prompt("some text", ended)
    scene.planner.carry_prompt("", ended)
    request = scene.ask()
    assert request is not None and request.options.prompt == ""

    later = Scene()
    later.planner.carry_prompt("some text", ended)
    later.pause(6.5)
    later.utterance = None
    later.speak(1.0)
    later.end()
    request = later.ask()
    assert request is not None and request.options.prompt == ""


def test_words_without_spaces_are_carried_too() -> None:
    scene = Scene()
    scene.speak(1.0)
    ended = scene.end()
    scene.planner.carry_prompt(heard("字" * 300).text, ended)
    request = scene.ask()
    assert request is not None and request.options.prompt == "字" * 200


@pytest.mark.parametrize(("speech_s", "silence_s"), [(5.0, 0.24), (7.0, 0.12)])
def test_a_final_is_started_earlier_in_the_silence_where_its_window_is_long(
    speech_s: float, silence_s: float
) -> None:
    scene = Scene(SessionOptions(language="en", partials=False))
    scene.speak(speech_s)
    scene.pause(silence_s - 0.02)
    assert scene.ask() is None
    scene.pause(0.02)
    request = scene.ask()
    assert request is not None and request.priority is Priority.SPECULATIVE
    assert request.seconds == pytest.approx(speech_s + silence_s, abs=0.01)
