"""The demo streams through the server there is, or through one of its own."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.scripted_server import END, FINAL, playing, serving
from whispercpp_ws.cli import main
from whispercpp_ws.cli.demo import demonstrate
from whispercpp_ws.cli.stream import StreamJob
from whispercpp_ws.config import Config, ListenConfig


async def test_a_running_server_is_used(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(playing(FINAL, END)) as url:
        config = Config(listen=ListenConfig(port=urlsplit(url).port or 0))
        await demonstrate(StreamJob(jfk_wav, realtime=False), config)
    told, *texts = capsys.readouterr().out.splitlines()
    assert told == f"Streaming {jfk_wav} through the server at {url}"
    assert texts == ["Ask not."]


def test_without_a_server_one_is_started(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    flags = ["--engine", "scripted", "--port", str(unused_tcp_port), "--fast"]
    assert main(["demo", "--file", str(jfk_wav), *flags]) == 0
    told, *texts = capsys.readouterr().out.splitlines()
    assert told.startswith(f"No server runs at 127.0.0.1:{unused_tcp_port}")
    assert any(text.startswith("one two") for text in texts)
