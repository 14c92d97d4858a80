from scripts.bench.timeline import SentFrame, Timeline
from tests.scripts.bench.lines import final


def test_the_text_is_that_of_all_finals() -> None:
    timeline = Timeline(settled=(final(1, "One."), final(2, ""), final(3, "Two.")))
    assert timeline.text == "One. Two."


def test_the_latest_frame_says_how_late_the_client_was() -> None:
    timeline = Timeline(sent=(SentFrame(0.125, 0.1), SentFrame(0.2, 0.2)))
    assert timeline.most_behind_s == 0.125 - 0.1
    assert Timeline().most_behind_s == 0.0
