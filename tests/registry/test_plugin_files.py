"""Plugins without a distribution: `--plugin FILE` on any command, and `seqzoo.registry.add`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from torch import Tensor

import seqzoo.registry
from seqzoo.cli import main
from seqzoo.errors import PluginError, SpecError
from seqzoo.operators import Anchor, Stream
from seqzoo.registry import load_registry, plugin_files, plugin_versions
from seqzoo.spec import Preset

LAYER = """
from seqzoo.operators import Anchor
from seqzoo.spec import PartSpec, since

class Doubled(Anchor):
    '''Two of each.'''
    name = "doubled"
    class Spec(PartSpec):
        '''by: how often.'''
        by: int = 2
    def __init__(self, spec, dims):
        super().__init__(spec, dims)
        self.by = spec.by
    def forward(self, x, stream):
        return self.by * x
"""

RUN = """
model: {width: 8, layers: 1, mixer: {type: recurrent, heads: 1, anchor: {type: doubled, by: 3}}}
task: {type: parity, length: 8, test_size: 8}
train: {steps: 1, batch_size: 2, device: cpu, loggers: []}
"""


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    path = tmp_path / "my_layer.py"
    path.write_text(LAYER)
    return path


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_files, "_added", {})
    monkeypatch.setenv(plugin_files.VARIABLE, "")


def test_every_command_takes_a_file(
    layer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run.yaml"
    run.write_text(RUN)
    out = tmp_path / "out"
    assert main(["check", str(run)]) == 2
    assert "unknown anchor 'doubled'" in capsys.readouterr().err
    for command in (
        ["check", str(run)],
        ["describe", str(run)],
        ["train", str(run), "--out", str(out)],
    ):
        assert main([*command, "--plugin", str(layer)]) == 0, capsys.readouterr().err
    assert os.environ[plugin_files.VARIABLE] == ""  # it was for these commands
    capsys.readouterr()
    assert main(["parts", "--family", "anchor", "--json", "--plugin", str(layer)]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "doubled"]
    assert (row["plugin"], row["doc"]) == ("my_layer", "Two of each.")
    record = json.loads((out / "record.json").read_text())
    assert record["versions"]["plugins"]["my_layer.py"] == row["version"]
    assert row["version"].startswith("sha256:")


def test_the_grids_workers_have_it(
    layer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = "\n".join(f"  {line}" for line in RUN.splitlines())
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"base:\n{base}\nseeds: 2\n")
    command = ["grid", str(grid), "--out", str(tmp_path / "out"), "--workers", "2"]
    assert main([*command, "--plugin", str(layer)]) == 0, capsys.readouterr().err


def test_a_file_with_hooks_says_itself_what_it_registers(
    layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = """
from seqzoo import hookimpl
from seqzoo.spec import Preset

@hookimpl
def register_presets(register):
    register(Preset("tripled", {"type": "doubled", "by": 3}, "anchor", "Three of each."))

@hookimpl
def register_parts(register):
    register(Doubled)
"""
    layer.write_text(LAYER + hook)
    monkeypatch.setenv(plugin_files.VARIABLE, str(layer))
    assert load_registry().spec("anchor", "tripled").model_dump() == {"type": "doubled", "by": 3}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = (", r"my_layer\.py cannot be loaded: .*my_layer\.py:1: SyntaxError: "),
        ("\n1 / 0", r"cannot be loaded: .*my_layer\.py:2: ZeroDivisionError: division by zero"),
        ("x = 1", r"my_layer\.py: it defines no part"),
        (LAYER.replace("def forward", "def forwrd"), r":5: TypeError: .*\(rename forwrd\?\)"),
        (LAYER.replace('"doubled"', '"ema"'), r"my_layer\.py: two parts named anchor 'ema'"),
    ],
)
def test_a_file_that_is_asked_for_and_broken_is_an_error(
    layer: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    layer.write_text(source)
    monkeypatch.setenv(plugin_files.VARIABLE, str(layer))
    with pytest.raises(PluginError, match=says):
        load_registry()


def test_no_such_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["parts", "--plugin", "no/where.py"]) == 2
    assert capsys.readouterr().err == (
        "--plugin no/where.py: there is no such file; give the path of a Python file\n"
    )
    assert main(["parts", "--plugin", str(tmp_path)]) == 2
    assert "is no file; give the path" in capsys.readouterr().err
    torn = tmp_path / f"a{os.pathsep}b.py"
    torn.touch()
    assert main(["parts", "--plugin", str(torn)]) == 2
    told = f"has a '{os.pathsep}', which separates the paths in {plugin_files.VARIABLE}"
    assert told in capsys.readouterr().err


def anchor(factor: int) -> type[Anchor]:
    class Scaled(Anchor):
        """Scales."""

        name = "scaled"

        def forward(self, x: Tensor, stream: Stream) -> Tensor:
            return factor * x

    return Scaled


def test_a_class_of_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = anchor(2), anchor(3)
    assert seqzoo.registry.add(first) is first
    assert load_registry().part("anchor", "scaled") is first
    seqzoo.registry.add(second)  # a notebook's cell, run again
    seqzoo.registry.add(Preset("rescaled", {"type": "scaled"}, "anchor", "Again."))
    registry = load_registry()
    assert registry.spec("anchor", "rescaled").part is second
    assert plugin_versions()["session"] == "0"
    with pytest.raises(SpecError, match="unknown anchor 'scaled'"):
        load_registry([]).spec("anchor", "scaled")
    with pytest.raises(PluginError, match="int is not a part"):
        seqzoo.registry.add(int)  # pyright: ignore[reportArgumentType, reportCallIssue]
