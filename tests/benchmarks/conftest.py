"""A grid of examples/, run small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seqzoo.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run_example() -> Callable[[str, Path, Sequence[str]], None]:
    """Runs an example's grid into a directory, with these settings changed."""

    def run(name: str, out: Path, changes: Sequence[str]) -> None:
        command = ["grid", str(EXAMPLES / name), "--out", str(out), "--workers", "1"]
        for change in changes:
            command += ["--set", change]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output

    return run
