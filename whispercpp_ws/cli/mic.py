"""`whispercpp-ws mic`: live captions of what is said into the microphone."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Protocol

from whispercpp_ws.cli.converse import Service, converse
from whispercpp_ws.cli.keyboard import without_echo
from whispercpp_ws.cli.messages import (
    Display,
    FinalLines,
    JsonLines,
    Several,
    SrtCues,
    live_line,
)
from whispercpp_ws.cli.settings import Subparsers, with_examples
from whispercpp_ws.cli.stream import add_service, service_from
from whispercpp_ws.client.microphone import Device, Microphone, input_devices
from whispercpp_ws.errors import ConfigError, ServiceError
from whispercpp_ws.events import AudioFormat


STOPPING = (signal.SIGINT, signal.SIGTERM)

EXAMPLES = """
examples:
  whispercpp-ws mic
  whispercpp-ws mic --lang ru --translate
  whispercpp-ws mic --list-devices
  whispercpp-ws mic --device 'USB' --srt talk.srt
  whispercpp-ws mic | tee notes.txt

Ctrl-C ends the recording and waits for the last words (status 0); a second one does
not wait (status 130). Grey text may still change. Where the output is no terminal,
finals are written and nothing else.
"""


class Source(Protocol):
    """Mono PCM16 that comes as it is recorded; use as a context."""

    rate: int
    name: str

    @property
    def lost_s(self) -> float:
        """Seconds that nobody took in time."""
        ...

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield what is recorded until `close`."""
        ...

    def close(self) -> None:
        """Record no more."""
        ...


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = with_examples(
        subparsers,
        "mic",
        "show live captions of what is said into the microphone",
        EXAMPLES,
    )
    add_service(parser)
    parser.add_argument(
        "--device", help="number of the microphone, or a part of its name"
    )
    parser.add_argument(
        "--list-devices", action="store_true", help="list the microphones and end"
    )
    parser.add_argument(
        "--json", action="store_true", help="print every message as it came"
    )
    parser.add_argument(
        "--srt", type=Path, metavar="FILE", help="write captions (SubRip) as they come"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Caption until Ctrl-C; returns 0 once the last final is there."""
    if args.list_devices:
        sys.stdout.writelines(_listed(device) for device in input_devices())
        return 0
    service = service_from(args)
    with _displays(as_json=args.json, srt=args.srt) as shown:
        asyncio.run(caption(service, lambda: Microphone.open(args.device), shown))
    return 0


async def caption(
    service: Service, open_source: Callable[[], Source], display: Display
) -> None:
    """
    Show what is said into a source until a signal ends it.

    Raises:
        ConfigError: there is no such microphone, or no library to read it.
        ServiceError: it has ended by itself; all finals were shown.
        SpeechError: as `converse`.
    """
    with closing(open_source()) as source, _closed_by_signals(source) as is_stopped:
        display.note(f"listening to {source.name}; Ctrl-C ends")
        audio = AudioFormat(rate=source.rate)
        await converse(service, audio, source.blocks(), display)
        if source.lost_s:
            display.note(f"{source.lost_s:.1f} s were lost while no server answered")
    if not is_stopped():
        raise ServiceError(f"{source.name} has stopped recording; is it unplugged?")


@contextmanager
def _closed_by_signals(source: Source) -> Iterator[Callable[[], bool]]:
    """
    Let the first signal end the source; the second one does what it always does.

    Gives what tells whether there was one.
    """
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    before = {number: signal.getsignal(number) for number in STOPPING}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(*_: object) -> None:
        restore()
        stopped.set()
        loop.call_soon_threadsafe(source.close)

    for number in STOPPING:
        signal.signal(number, stop)
    try:
        yield stopped.is_set
    finally:
        restore()


@contextmanager
def _displays(*, as_json: bool, srt: Path | None) -> Iterator[Display]:
    with ExitStack() as stack:
        if sys.stdout.isatty():
            stack.enter_context(without_echo(sys.stdin))
        displays = [stack.enter_context(closing(_display(as_json=as_json)))]
        if srt is not None:
            try:
                file = stack.enter_context(srt.open("w", encoding="utf-8"))
            except OSError as error:
                raise ConfigError(
                    f"--srt: expected a file that can be written, got {srt} "
                    f"({error.strerror})",
                    field="srt",
                ) from error
            displays.append(SrtCues(file))
        yield Several(displays)


def _display(*, as_json: bool) -> Display:
    if as_json:
        return JsonLines(sys.stdout)
    return live_line(sys.stdout) if sys.stdout.isatty() else FinalLines(sys.stdout)


def _listed(device: Device) -> str:
    mark = "*" if device.is_default else " "
    return f"{mark}{device.index:>3}  {device.name}, {device.rate} Hz\n"
