"""Names that mean something to a format are printed as text by every one of them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from seqzoo.cli.app import main
from seqzoo.report import make_report, print_report, to_csv, to_json, to_latex, to_markdown
from seqzoo.report.figures import draw_figures, save_figures
from seqzoo.report.html import to_html

NAMES = {
    "[no mlp]": "[no mlp]",
    "no mlp [/2]": "no mlp [/2]",
    ":100:": ":100:",
    "_hidden": "_hidden",
    "=1+1": "=1+1",
    "[x](url)": "[x](url)",
    "a\nb | c": "a\\nb | c",
    "\x1b[31mred": "\\x1b[31mred",
    "\x9b31m\u202e": "\\x9b31m\\u202e",
    "模型 $x$": "模型 $x$",
}


@pytest.fixture
def hostile(grid):
    """A variant for each name, on two tasks with such names."""
    for task in ("<b>&", "[t]\x1b]0;x\x07"):
        for place, name in enumerate(NAMES):
            grid.cell(name, {0: 0.1 + place / 100, 1: 0.2}, {"task.type": task})
    grid.freeze(base=":100:")
    return grid


def test_on_the_terminal(hostile):
    page = io.StringIO()
    print_report(make_report(hostile.path), Console(file=page, width=200))
    rows = page.getvalue().splitlines()
    for shown in NAMES.values():
        assert [row for row in rows if row.startswith(f"{shown} ")], shown
    assert not set("\x1b\x9b\x07\u202e") & set(page.getvalue())


def test_by_seqzoo_runs(hostile, capsys):
    assert main(["runs", str(hostile.path)]) == 0
    printed = capsys.readouterr().out
    for shown in ("[no mlp]", "no mlp [/2]", ":100:", "[t]\\x1b]0;x"):
        assert shown in printed
    assert not set("\x1b\x9b\x07\u202e") & set(printed)


def test_in_markdown(hostile):
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(make_report(hostile.path)))
    kinds = {child.type for token in tokens for child in token.children or []}
    assert kinds == {"text", "strong_open", "strong_close", "html_inline", "text_special"} & kinds
    cells = [
        "".join(child.content for child in token.children or [] if "html" not in child.type)
        for token in tokens
        if token.type == "inline"
    ]
    assert set(NAMES.values()) <= set(cells)


def test_in_latex(hostile):
    lines = [line.strip() for line in to_latex(make_report(hostile.path)).splitlines()]
    assert [line for line in lines if line.startswith("{[}no mlp] & ")]
    assert not [line for line in lines if line.startswith("[")]
    assert [line for line in lines if line.startswith(r"a\textbackslash{}nb \textbar{} c & ")]
    assert all(line.endswith(r"\\") or " & " not in line for line in lines)


def test_in_csv_and_json(hostile):
    report = make_report(hostile.path)
    rows = list(csv.DictReader(io.StringIO(to_csv(report))))
    assert {row["variant"] for row in rows} == {
        f"'{shown}" if shown.startswith("=") else shown for shown in NAMES.values()
    }
    text = to_json(report)
    assert {row["variant"] for row in json.loads(text)["cells"]} == set(NAMES), "data are data"
    assert not set("\x1b\x9b\x07\u202e") & set(text)


def test_in_html(hostile):
    page = to_html(make_report(hostile.path))
    assert not set("\x1b\x9b\x07\u202e") & set(page)
    assert "&lt;b&gt;&amp;" in page
    assert '<td class="">[no mlp]</td>' in page


def test_in_figures(hostile, tmp_path):
    drawings = draw_figures(make_report(hostile.path))
    legend = [text.get_text() for text in drawings[-1].figure.legends[0].get_texts()]
    assert {text.removeprefix("\u200a") for text in legend} == {*NAMES.values(), "chance"}
    for file in save_figures(drawings, tmp_path):
        if file.suffix == ".svg":
            assert not set("\x1b\x9b\x07\u202e") & set(file.read_text(encoding="utf-8"))


def test_in_the_line_of_a_dry_run(tmp_path, capsys, monkeypatch: pytest.MonkeyPatch):
    spec = tmp_path / "g.yaml"
    spec.write_text(
        """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 16}
  train: {steps: 1, batch_size: 2, optimizer: {type: adamw, lr: 1e-3}}
variants: {"[no mlp]": {}, "no mlp [/2]": {train.steps: 2}, ":100:": {train.steps: 3}}
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["grid", str(spec), "--dry-run", "--no-estimate"]) == 0
    printed = capsys.readouterr().out
    for name in ("[no mlp]", "no mlp [/2]", ":100:"):
        assert name in printed


def test_tasks_alike_in_their_first_forty_characters_are_told_apart_in_a_dry_run(
    tmp_path, capsys, monkeypatch: pytest.MonkeyPatch
):
    spec = tmp_path / "g.yaml"
    spec.write_text(
        """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 16}
  train: {steps: 1, batch_size: 2, optimizer: {type: adamw, lr: 1e-3}}
axes:
  task:
    - {type: mqar, length: 64, vocab_size: 1024, num_pairs: 4}
    - {type: mqar, length: 64, vocab_size: 1024, num_pairs: 8}
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["grid", str(spec), "--dry-run", "--no-estimate"]) == 0
    printed = capsys.readouterr().out
    assert "mqar num_pairs=4" in printed
    assert "mqar num_pairs=8" in printed
