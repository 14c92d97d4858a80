"""Samples cut in half at the end."""

import pytest

from whispercpp_ws.events import AudioFormat, Encoding
from whispercpp_ws.protocols.whole_frames import WholeFrames


@pytest.mark.parametrize(
    ("sizes", "audio", "missing"),
    [
        ([], AudioFormat(), 0),
        ([3, 5], AudioFormat(), 0),
        ([3, 4], AudioFormat(), 1),
        ([5], AudioFormat(Encoding.F32LE, channels=2), 3),
        ([5], AudioFormat(Encoding.MULAW), 0),
    ],
)
def test_what_is_missing_is_added_as_silence(
    sizes: list[int], audio: AudioFormat, missing: int
) -> None:
    frames = WholeFrames()
    for size in sizes:
        frames.note(bytes(size))
    assert frames.padding(audio) == ([bytes(missing)] if missing else [])
