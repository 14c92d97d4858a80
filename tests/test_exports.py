"""What users import is there, and costs nothing until it is used."""

import importlib
import subprocess
import sys

import pytest

import whispercpp_ws
from whispercpp_ws import client


@pytest.mark.parametrize("name", whispercpp_ws.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    value = getattr(whispercpp_ws, name)
    assert value.__name__ == name
    assert value.__doc__


def test_the_public_names_are_these() -> None:
    assert set(whispercpp_ws.__all__) == {
        "Final",
        "LiveTranscript",
        "Partial",
        "SpeechEnded",
        "SpeechError",
        "SpeechStarted",
        "Warned",
        "Word",
        "connect",
    }
    assert set(client.__all__) == {"Changes", "LiveTranscript", "Options", "connect"}


def test_both_packages_give_the_same_function() -> None:
    assert whispercpp_ws.connect is client.connect


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        importlib.import_module("whispercpp_ws").conect  # noqa: B018


def test_importing_the_package_imports_no_library() -> None:
    code = (
        "import sys, whispercpp_ws\n"
        "sys.exit(bool({'numpy', 'aiohttp', 'asyncio'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
