"""`make native`: whisper.cpp built here, in place of the wheel's."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.e2e.foreign import tool
from tests.e2e.test_speech import wrong_words
from whispercpp_ws.engines.whispercpp.library import OVERRIDE_VARIABLE


pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

LIBRARY = ROOT / "build" / "native" / "lib" / "libwhisper.so"
BUILD_S = 800
DECODE_S = 60


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Build the library; minutes where that was not done before."""
    if sys.platform != "linux":
        pytest.skip("the wheels of other systems have what their processors can")
    tool("cmake")
    subprocess.run([tool("make"), "native"], cwd=ROOT, check=True, timeout=BUILD_S)
    return os.environ | {OVERRIDE_VARIABLE: str(LIBRARY)}


def output_of(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "whispercpp_ws", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=True,
        timeout=DECODE_S,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def test_it_hears_what_the_wheel_does(environment: dict[str, str]) -> None:
    text = output_of(environment, "transcribe", "tests/data/jfk.wav", "--lang", "en")
    assert wrong_words(text) <= 1


def test_doctor_names_it(environment: dict[str, str]) -> None:
    assert str(LIBRARY) in output_of(environment, "doctor")
