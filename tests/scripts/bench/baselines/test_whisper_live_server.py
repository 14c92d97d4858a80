import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench.baselines import whisper_live_server


PACKAGE = """
import json, os

class TranscriptionServer:
    def run(self, host, **options):
        print(json.dumps([host, options, os.environ["OMP_NUM_THREADS"]]))
"""


def run_with(tmp_path: Path, **environment: str) -> list[object]:
    """What the package is told when the script runs beside it."""
    (tmp_path / "whisper_live").mkdir()
    (tmp_path / "whisper_live" / "server.py").write_text(PACKAGE)
    script = str(Path(whisper_live_server.__file__))
    inherited = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    output = subprocess.run(
        [sys.executable, script, "-fw", "models/base/", "--port", "7"],
        env=inherited | {"PYTHONPATH": str(tmp_path)} | environment,
        capture_output=True,
        check=True,
    ).stdout
    told = json.loads(output)
    assert isinstance(told, list)
    return told


def test_it_serves_one_model_from_a_folder_on_this_machine(tmp_path: Path) -> None:
    host, options, threads = run_with(tmp_path)
    assert isinstance(options, dict)
    assert (host, options["port"], threads) == ("127.0.0.1", 7, "1")
    assert options["faster_whisper_custom_model_path"] == "models/base/"
    assert options["single_model"] is True


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_number_of_threads_can_be_given(tmp_path: Path, threads: str) -> None:
    assert run_with(tmp_path, OMP_NUM_THREADS=threads)[2] == threads
