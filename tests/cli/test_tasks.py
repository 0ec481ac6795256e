from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.registry import load_registry


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_fits_and_names_every_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert set(load_registry().names("task")) <= {line.split(" ")[0] for line in lines}


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["parity"]["length"] == 128
    assert rows["mqar-probing"]["length"] == 64
    assert rows["text"]["doc"]


@pytest.mark.parametrize("columns", [80, 120])
def test_an_example_fits_with_its_labels_below_the_tokens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["tasks", "show", "parity", "--json"]) == 0
    example = json.loads(capsys.readouterr().out)
    assert main(["tasks", "show", "parity"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    rows: dict[str, list[str]] = {"tokens": [], "labels": []}
    for above, below in itertools.pairwise(lines):
        if above.startswith("tokens "):
            assert len(above) == len(below)
            rows["tokens"] += above.split()[1:]
            rows["labels"] += below.split()[1:]
    assert [int(word) for word in rows["tokens"]] == example["tokens"]
    assert rows["labels"] == ["."] * 127 + [str(example["labels"][-1])]
    assert "ids: 0-1 classes, 2 query, 3-4 bits, 5-31 noise" in lines
    assert "settings: length: 128, vocab_size: 32, test_size: 2048, bits: 3" in lines
    assert example["settings"] == {"length": 128, "vocab_size": 32, "test_size": 2048, "bits": 3}


@pytest.mark.parametrize("columns", [80, 120])
def test_every_example_fits_and_ends_no_line_with_a_blank(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    registry = load_registry()
    monkeypatch.setattr("seqzoo.cli.tasks.load_registry", lambda: registry)
    for name in registry.names("task"):
        if name in ("text", "recommendation"):  # they need a file
            continue
        assert main(["tasks", "show", name]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith((f"{name}: ", f"{name}, a preset of "))
        assert max(map(len, lines)) <= columns, name
        assert not [line for line in lines if line != line.rstrip()], name


def test_settings_and_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for options in (["--set", "length=9"], ["--set", "task.length=9", "--seed", "1"]):
        assert main(["tasks", "show", "mqar-probing", "--set", "num_pairs=2", *options]) == 0
        shown.append(capsys.readouterr().out)
        assert "length 9, vocabulary 64, measured by accuracy, 0.5 by chance" in shown[-1]
    assert shown[0] != shown[1]


def test_text_shows_characters(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\n" * 20)
    options = ["--set", f"path='{tmp_path / 'a.txt'}'", "--set", "length=4"]
    assert main(["tasks", "show", "text", *options]) == 0
    *_, tokens, labels = capsys.readouterr().out.splitlines()
    assert tokens.split()[2:] == labels.split()[1:-1]
    assert set(tokens.split()[1:]) == {"a", "\N{OPEN BOX}", "b", "\\n"}


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["parit"], "task: unknown task 'parit'; did you mean 'parity'?\n"),
        (
            ["parity", "--set", "lenth=3"],
            "--set task.lenth=3 task.lenth: unknown key 'lenth' in task 'parity'; "
            "did you mean 'length'?\n",
        ),
        (
            ["parity", "--set", "length=99999999999"],
            "task 'parity': a sequence of 99,999,999,999 tokens has no room in memory; "
            "show a shorter one: --set length=64\n",
        ),
        (["text"], "task.path: the key 'path' is missing; give it by --set path=VALUE\n"),
    ],
)
def test_wrong_input_says_what_is_known(
    capsys: pytest.CaptureFixture[str], arguments: list[str], printed: str
) -> None:
    assert main(["tasks", "show", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", printed)


def test_what_is_left_of_a_file_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "events.txt"
    file.write_text("1 1\n1 2\n1 1\n1 2\n2 1\n")
    options = ["--set", f"path='{file}'", "--set", "min_item_events=1", "--set", "length=3"]
    options += ["--set", "min_user_events=4"]
    assert main(["tasks", "show", "recommendation", *options]) == 0
    printed = capsys.readouterr().out
    assert "data: 1 user, 2 items, 4 events\n" in printed
    assert "data: dropped 1 user with fewer than 4 events" in printed
    assert printed.endswith("tokens  1 0 0\nlabels  2 . .\n")


def test_tasks_of_a_file_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEQZOO_PLUGINS", "")
    file = tmp_path / "mine.py"
    file.write_text(
        "from seqzoo.tasks.parity import Parity\n\n\nclass Mine(Parity):\n"
        '    """Mine."""\n\n    name = "mine"\n'
    )
    assert main(["tasks", "--plugin", str(file), "--json"]) == 0
    assert "mine" in {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert main(["tasks", "-h"]) == 0
    assert "completion" not in capsys.readouterr().out
