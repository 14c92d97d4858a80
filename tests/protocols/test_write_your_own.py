"""The page on writing a dialect shows one that works."""

from pathlib import Path

from whispercpp_ws.errors import BadMessage, SpeechError
from whispercpp_ws.events import End, Event, Final, SessionOptions, Start
from whispercpp_ws.protocols import base
from whispercpp_ws.protocols.base import Closing, Dialect, Input


PAGE = Path(base.__file__).parent / "README.md"


def shown_dialect() -> Dialect:
    """Make the dialect of the page's first example."""
    example = PAGE.read_text("utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {
        member.__name__: member
        for member in (BadMessage, SpeechError, End, Final, SessionOptions, Start)
    }
    names |= {"Closing": Closing, "Event": Event, "Input": Input}
    exec(compile(example, str(PAGE), "exec"), names)
    made = names["CaptionDialect"]
    assert isinstance(made, type)
    dialect: Dialect = made()
    return dialect


def test_the_example_translates() -> None:
    dialect = shown_dialect()
    assert dialect.receive_open() == [Start(SessionOptions(partials=False))]
    assert dialect.receive_binary(b"\0\0") == [b"\0\0"]
    assert dialect.receive_text("stop") == [End()]
    assert dialect.send_event(Final(1, "Hello.", 0, 1, "en", 1)) == ["Hello."]


def test_every_file_that_the_page_names_is_there() -> None:
    links = [part.split(")")[0] for part in PAGE.read_text("utf-8").split("](")[1:]]
    assert links
    assert all((PAGE.parent / link).exists() for link in links)
