"""The project that is written works: what is generated is installed, checked and run here."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

import seqzoo
from seqzoo.cli import main
from seqzoo.cli.scaffold import Project, write_project
from seqzoo.errors import RunError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project on the path, with the metadata that pip would write."""
    folder = tmp_path / "project"
    write_project(Project("fading-layer"), folder)
    declared = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / "seqzoo_fading_layer-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: {declared['version']}\n"
    )
    ((name, module),) = declared["entry-points"]["seqzoo"].items()
    (metadata / "entry_points.txt").write_text(f"[seqzoo]\n{name} = {module}\n")
    monkeypatch.syspath_prepend(folder)
    return folder


def test_part_preset_grid_and_tests_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = seqzoo.load_registry()
    assert not registry.broken
    own = {(each.family, each.name) for each in registry if each.origin.plugin == "fading-layer"}
    assert own == {("forget", "fading_layer_decay"), ("mixer", "fading-layer")}
    assert main(["check", str(folder / "examples" / "fading-layer.yaml")]) == 0
    assert "16 runs" in capsys.readouterr().out
    tests = runpy.run_path(str(folder / "tests" / "test_seqzoo_fading_layer.py"))
    tests["test_the_decay_is_its_equation"]()
    (marked,) = tests["test_everything_registered"].pytestmark
    assert {f"{check.family}/{check.name}" for check in marked.args[1]} == {
        f"{family}/{name}" for family, name in own
    }


def test_every_name_in_the_readme_is_a_file(folder: Path) -> None:
    rows = [line for line in (folder / "README.md").read_text().splitlines() if line[:3] == "| `"]
    assert len(rows) == 5
    for row in rows:
        assert (folder / row.split("`")[1]).is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/new.*choose another folder"):
        write_project(Project("fading-layer"), tmp_path / "file" / "new")
