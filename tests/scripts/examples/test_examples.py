"""The examples run, against a server that plays a script."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scripts.examples import file, many, microphone
from tests.scripted_server import END, FINAL, PARTIAL, playing, serving
from whispercpp_ws.client.microphone import Microphone, Waiting


async def test_a_file_is_printed(
    jfk_wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(playing(PARTIAL, FINAL, END)) as url:
        await file.main(str(jfk_wav), url)
    assert capsys.readouterr().out == "   0.50 s  Ask not.\n"


async def test_many_files_get_captions(
    jfk_wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths[:2]:
        shutil.copy(jfk_wav, path)
    async with serving(playing(FINAL, END)) as url:
        await many.main(url, *map(str, paths))
    assert "c.wav: no such file" in capsys.readouterr().err
    for path in paths[:2]:
        text = path.with_suffix(".srt").read_text(encoding="utf-8")
        assert text == "1\n00:00:00,500 --> 00:00:01,500\nAsk not.\n"


class NoRecorder:
    def start(self) -> None: ...

    def close(self) -> None: ...


async def test_the_microphone_is_heard_until_the_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting = Waiting()
    waiting.add(b"\0\0" * 100)
    waiting.close()
    monkeypatch.setattr(
        Microphone, "open", lambda: Microphone(16_000, "it", NoRecorder(), waiting)
    )
    stop = FINAL.replace("Ask not.", "Stop it.")
    async with serving(playing(PARTIAL, stop, END)) as url:
        await microphone.main(url)
    assert capsys.readouterr().out == "\r\x1b[Kask not\r\x1b[KStop it.\n"


async def test_a_microphone_that_ends_ends_the_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def audio() -> AsyncIterator[bytes]:
        yield b"\0\0"

    async with serving(playing(FINAL, END)) as url:
        await microphone.listen(audio(), 16_000, url)
    assert capsys.readouterr().out == "\r\x1b[KAsk not.\n"
