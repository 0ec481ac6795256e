from __future__ import annotations

import json

import pytest

from seqzoo.cli import main
from seqzoo.model import LastToken
from seqzoo.registry import BrokenPlugin, Origin, load_registry


def test_json_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {tuple(row) for row in rows} == {("family", "name", "plugin", "version", "doc")}
    by_name = {(row["family"], row["name"]): row for row in rows}
    assert by_name["mixer", "attention"]["plugin"] == "builtin"
    assert by_name["mixer", "attention"]["doc"]
    assert [(row["family"], row["name"]) for row in rows] == sorted(by_name)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_and_loses_no_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["parts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    words = {word for line in lines for word in line.split()[:2]}
    assert {entry.name for entry in load_registry()} <= words


def test_one_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "--family", "task", "--json"]) == 0
    assert {row["family"] for row in json.loads(capsys.readouterr().out)} == {"task"}
    assert main(["parts", "--family", "tsk"]) == 2
    assert "no part is of family 'tsk'; did you mean 'task'?" in capsys.readouterr().err


def test_broken_plugins_are_named_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = load_registry([])
    registry.set_aside(BrokenPlugin(Origin("odd", "seqzoo-odd", "2"), "OSError: no disk", "..."))
    monkeypatch.setattr("seqzoo.cli.parts.load_registry", lambda: registry)
    assert main(["parts"]) == 0
    assert capsys.readouterr().err == (
        "plugin 'odd' (seqzoo-odd 2) could not be loaded: OSError: no disk; repair or uninstall "
        "it\n"
    )


def test_brackets_in_a_doc_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bracketed(LastToken):
        """f([h, p])."""

        name = "bracketed"

    registry = load_registry([])
    registry.add(Bracketed, Origin("odd", "seqzoo-odd", "2"))
    monkeypatch.setattr("seqzoo.cli.parts.load_registry", lambda: registry)
    assert main(["parts", "--family", "decoder"]) == 0
    assert "f([h, p])" in capsys.readouterr().out
