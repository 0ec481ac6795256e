"""Every malformed file here gives exit 2 and exactly the message beside it.

After a wanted change of words: `SEQZOO_WRITE_GOLDENS=1 pytest tests/messages`, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqzoo.cli import main

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))


def settings_of(case: Path) -> list[str]:
    """The `--set` options that a file's own comments ask for."""
    lines = case.read_bytes().decode(errors="replace").splitlines()
    return [line.removeprefix("# --set ") for line in lines if line.startswith("# --set ")]


def test_there_are_at_least_thirty() -> None:
    assert len(CASES) >= 30
    stale = {path.stem for path in HERE.glob("*.txt")} - {path.stem for path in CASES}
    assert not stale


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_message(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(HERE)
    options = [word for setting in settings_of(case) for word in ("--set", setting)]
    status = main(["check", case.name, *options])
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert "Traceback" not in printed.err
    golden = case.with_suffix(".txt")
    if os.environ.get("SEQZOO_WRITE_GOLDENS"):
        golden.write_text(printed.err, encoding="utf-8")
    assert printed.err == golden.read_text(encoding="utf-8")
