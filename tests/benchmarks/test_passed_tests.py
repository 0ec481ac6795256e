"""Tests that passed are left out of the next run; those that failed are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TESTS = """
import pathlib, pytest

def test_good():
    pass

@pytest.mark.skip(reason="not here")
def test_elsewhere():
    pass

def test_mended_later():
    assert pathlib.Path("mended").exists()
"""


def run(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "passed_tests"]
    ran = subprocess.run(
        [*command, "--passed", "made/passed.txt", "test_some.py"],
        cwd=folder,
        env={"PYTHONPATH": str(BENCHMARKS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stdout


def test_only_what_did_not_pass_runs_again(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    status, told = run(tmp_path)
    assert (status, "1 failed, 1 passed, 1 skipped" in told) == (1, True)
    (tmp_path / "mended").touch()
    status, told = run(tmp_path)
    assert (status, "1 passed, 2 deselected" in told) == (0, True)
    status, told = run(tmp_path)
    assert (status, "3 deselected" in told) == (0, True)
