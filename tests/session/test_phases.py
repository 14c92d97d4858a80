import pytest

from whispercpp_ws.session.phases import TRANSITIONS, Input, Phase, next_phase


def test_speech_opens_an_utterance_and_a_long_silence_closes_it() -> None:
    phase = Phase.IDLE
    for cause in (Input.VOICE, Input.SILENCE, Input.VOICE, Input.SILENCE):
        phase = next_phase(phase, cause)
    assert phase is Phase.PAUSE
    assert next_phase(phase, Input.ENDPOINT) is Phase.IDLE


def test_every_phase_but_the_last_takes_the_end_of_the_stream() -> None:
    for phase in (Phase.IDLE, Phase.SPEECH, Phase.PAUSE):
        assert next_phase(phase, Input.EOF) is Phase.CLOSED


def test_the_table_names_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_an_illegal_input_names_phase_and_input() -> None:
    with pytest.raises(RuntimeError, match="ENDPOINT is illegal in IDLE"):
        next_phase(Phase.IDLE, Input.ENDPOINT)
    with pytest.raises(RuntimeError, match="CLOSED, which takes nothing"):
        next_phase(Phase.CLOSED, Input.VOICE)
