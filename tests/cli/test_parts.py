from __future__ import annotations

import json

import pytest
from torch import Tensor

from seqzoo.cli import main
from seqzoo.model import LastToken
from seqzoo.operators import Anchor, Stream
from seqzoo.registry import BrokenPlugin, Origin, load_registry
from seqzoo.registry.explained import explain
from seqzoo.spec import PartSpec, since


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


def test_a_pipe_gets_a_line_for_each_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["parts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    entries = list(load_registry())
    assert len(lines) == len(entries)
    for line, entry in zip(lines, entries, strict=True):
        words = [entry.family, entry.name, entry.origin.plugin, entry.origin.version, entry.doc]
        assert line == "  ".join(words)


def test_one_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "--family", "task", "--json"]) == 0
    assert {row["family"] for row in json.loads(capsys.readouterr().out)} == {"task"}
    assert main(["parts", "--family", "tsk"]) == 2
    assert "there is no family 'tsk'; did you mean 'task'?" in capsys.readouterr().err


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


@pytest.mark.parametrize("columns", [60, 120])
def test_one_part_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["parts", "anchor/ema"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(len(line) for line in lines if "/ema.py" not in line) <= columns
    words = " ".join(" ".join(lines).split())
    assert words.startswith("anchor/ema builtin")
    assert "u_t = a u_{t-1} + (1 - a) x_t with a learned a in (0, 1) for each channel." in words
    assert "operators/anchors/ema.py" in words
    assert {"decay", "number", "0.5"} <= set(words.split())


def test_a_preset_is_explained_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "mixer/prism", "--json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    assert page["spec"]["type"] == "recurrent"
    keys = {key["path"]: key for key in page["keys"]}
    assert (keys["depth"]["type"], keys["depth"]["default"]) == ("short for injection.depth", "2")
    assert keys["depth"]["doc"].startswith("L, refinement steps")
    assert keys["anchor"]["family"] == "anchor"
    assert keys["anchor"]["default"].startswith("{type: short_conv, kernel_size: 4")


def test_every_part_can_be_explained() -> None:
    registry = load_registry()
    for entry in registry:
        page = explain(entry, registry)
        assert page.doc, entry
        assert all(key.type for key in page.keys), entry


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prsm"], "no part or preset is named 'prsm'; did you mean 'prism'?"),
        (["mixr/prism"], "there is no family 'mixr'; did you mean 'mixer'?"),
        (["mixer/zzzz"], "no mixer is named 'zzzz'; `seqzoo parts --family mixer` lists them"),
        (["prism", "--family", "task"], "no task is named 'prism'; `seqzoo parts --family task`"),
    ],
)
def test_unknown_names(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert main(["parts", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
def test_layers_slot_by_slot(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["parts", "--slots"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    headings = ["layer", "projections", "gates", "forget", "injection", "read"]
    assert (lines[0].split() == headings) == (width == 120)
    assert any("gated_delta (head_decay)" in line for line in lines) or width == 120


def test_layers_slot_by_slot_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parts", "--slots", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["prism"]["forget"] == "gated_delta (head_decay)"
    assert rows["prism"]["plugin"] == "prism"
    assert main(["parts", "prism", "--slots"]) == 2
    assert "leave NAME and FAMILY out" in capsys.readouterr().err


def test_a_key_of_a_later_version_says_so_once_that_version_is_out() -> None:
    class Later(Anchor):
        """u = x."""

        name = "later"

        class Spec(PartSpec):
            """old: a number. new: another."""

            old: int = 1
            new: int = since("0.2", 2)

        def forward(self, x: Tensor, stream: Stream) -> Tensor:
            return x

    for version, told in (("0.1.0", ""), ("0.2.0", "0.2"), ("1.0", "0.2")):
        registry = load_registry([])
        registry.add(Later, Origin("odd", "seqzoo-odd", version))
        entry = registry.get("anchor", "later")
        assert entry is not None
        keys = {key.path: key for key in explain(entry, registry).keys}
        assert (keys["old"].since, keys["new"].since) == ("", told)


def test_a_narrow_page_lists_keys_and_lets_paragraphs_flow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["parts", "injection/residual_refinement"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80 or lines[1].startswith("/"), "a file's path is not cut"
    place = lines.index("gate.squash")
    assert lines[place + 1].endswith("; default first")
    assert main(["parts", "gsa"]) == 0
    assert "slots are rows: the first pass is the" in " ".join(capsys.readouterr().out.split())
