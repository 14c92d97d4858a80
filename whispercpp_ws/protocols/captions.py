"""SubRip and WebVTT, and the parts that their cues are made of; pure functions."""

from collections.abc import Callable, Iterable

from whispercpp_ws.events import Final


def srt(
    finals: Iterable[Final], text_of: Callable[[Final], str], *, first: int = 1
) -> str:
    """Return SubRip with a cue for each final, numbered from `first`."""
    return "".join(
        f"{number}\n{span(final.start_s, final.end_s, ',')}\n{text_of(final)}\n\n"
        for number, final in enumerate(finals, start=first)
    )


def vtt(finals: Iterable[Final], text_of: Callable[[Final], str]) -> str:
    """Return WebVTT (W3C) with a cue for each final; texts stay as they are given."""
    cues = (
        f"{span(final.start_s, final.end_s, '.')}\n{text_of(final)}\n\n"
        for final in finals
    )
    return "WEBVTT\n\n" + "".join(cues)


def span(start_s: float, end_s: float, point: str) -> str:
    """Return the times of a cue; `point` comes before the milliseconds."""
    start_ms = max(0, round(start_s * 1000))
    # WebVTT wants the end after the start; players skip an empty SubRip cue too.
    end_ms = max(start_ms + 1, round(end_s * 1000))
    return f"{_stamp(start_ms, point)} --> {_stamp(end_ms, point)}"


def one_line(text: str) -> str:
    """Return the text without line ends; a blank line would end the cue."""
    return " ".join(text.split())


def escaped(text: str) -> str:
    """Return the text as WebVTT (W3C) wants it in a cue."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
