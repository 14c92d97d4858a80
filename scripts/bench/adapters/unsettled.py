"""What is left to measure of a server that never says that a text is done."""

from dataclasses import replace

from scripts.bench.metrics import Stability
from scripts.bench.scores import ClipScore
from scripts.bench.wer import Edits


def without_finals(score: ClipScore) -> ClipScore:
    """
    Blank every number that finals are the measure of.

    Its adapter gives the text a patient reader would be left with as settled, so that
    there is something for a first text to last in. That text stays in the score; its
    errors and its time are the adapter's and not the server's.
    """
    return replace(
        score,
        edits=Edits(),
        word_latencies_s=(),
        speech_end_to_final_s=None,
        final_delays=(),
        final_waits=None,
        stability=Stability(),
        invented_words=0,
    )
