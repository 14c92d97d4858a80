import io

from whispercpp_ws.scheduler.answers import Sender
from whispercpp_ws.scheduler.wire import FrameReader, Ping


def test_a_sender_writes_whole_frames() -> None:
    stream = io.BytesIO()
    Sender(stream)(Ping())
    assert FrameReader().feed(stream.getvalue()) == [Ping()]
