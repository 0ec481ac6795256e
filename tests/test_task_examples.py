"""docs/ shows an example of every task that draws its sequences; they are drawn again."""

import re
import shlex
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.registry import load_registry

DOCS = Path(__file__).parents[1] / "docs"
PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md")))
BLOCKS = re.findall(r"```text\n\$ seqzoo (tasks show .*)\n((?:.*\n)*?)```", PAGES)
FILES = {"recommendation", "text"}  # their sequences are those of the user's file


def test_every_task_has_an_example() -> None:
    shown = {command.split()[2] for command, _ in BLOCKS}
    assert shown == set(load_registry().names("task")) - FILES


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_an_example_is_what_the_command_prints(
    command: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main(shlex.split(command)) == 0
    assert capsys.readouterr().out == printed
