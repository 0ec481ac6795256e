"""Run or grid, the base beside it, and settings over both; with the built-in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.grid import GridSpec
from seqzoo.spec.run import RunSpec

RUN = """
model: {width: 16, layers: 1, mixer: recurrent}
task: {type: parity, length: 8}
train: {steps: 10}
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry([])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.yaml").write_text(RUN)
    return tmp_path


def write(folder: Path, text: str) -> str:
    (folder / "grid.yaml").write_text(text)
    return "grid.yaml"


def problems(registry: Registry, path: str, *settings: str) -> list[str]:
    with pytest.raises(SpecError) as failure:
        seqzoo.load_spec(path, registry, settings)
    return [str(problem) for problem in failure.value.problems]


def test_a_run(folder: Path, registry: Registry) -> None:
    run = seqzoo.load_spec("run.yaml", registry, ["train.steps=2e1", "model.mixer.heads=2"])
    assert isinstance(run, RunSpec)
    assert run.train.steps == 20
    assert run.model.mixer is not None
    assert run.model.mixer.model_dump()["heads"] == 2


def test_the_base_of_a_grid_is_relative_to_the_grid(
    folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "elsewhere").mkdir()
    write(folder, "base: run.yaml\nseeds: 2\n")
    monkeypatch.chdir(folder / "elsewhere")
    grid = seqzoo.load_spec("../grid.yaml", registry)
    assert isinstance(grid, GridSpec)
    assert grid.base["task"] == {"type": "parity", "length": 8}
    assert grid.seeds == 2


def test_settings_of_a_grid(folder: Path, registry: Registry) -> None:
    text = "base: run.yaml\nvariants: {a: {}, b: {model.width: 32}}\naxes: {task.length: [8, 9]}\n"
    grid = seqzoo.load_spec(
        write(folder, text),
        registry,
        [
            "base.train.steps=3",
            "seeds=[4, 5]",
            "axes.task.length=[16]",
            "axes.train.optimizer.lr=[1e-3, 1e-4]",
            "variants.b.model.width=64",
            "variants.c={model.width: 48}",
        ],
    )
    assert isinstance(grid, GridSpec)
    assert grid.base["train"] == {"steps": 3}
    assert grid.seeds == (4, 5)
    assert grid.axes == {"task.length": (16,), "train.optimizer.lr": (0.001, 0.0001)}
    assert grid.variants == {"a": {}, "b": {"model.width": 64}, "c": {"model.width": 48}}


def test_settings_of_a_grid_in_a_union(folder: Path, registry: Registry) -> None:
    path = write(folder, "base: run.yaml\ngrids: [{axes: {task.length: [8, 9]}}, {seeds: 3}]\n")
    settings = ["grids.0.axes.task.length=[16]", "grids.1.variants.a.model.width=32"]
    grid = seqzoo.load_spec(path, registry, [*settings, "grids.1.seeds=[7]"])
    assert isinstance(grid, GridSpec)
    assert grid.grids is not None
    assert grid.grids[0].axes == {"task.length": (16,)}
    assert grid.grids[1].variants == {"a": {"model.width": 32}}
    assert grid.grids[1].seeds == (7,)


def test_settings_keyed_by_paths(folder: Path, registry: Registry) -> None:
    text = (
        "base: run.yaml\naxes: {task.length: [8, 9]}\npaired: [{train.steps: [1, 2]}]\n"
        "exclude: [{task.length: 8}]\nvariants: {'2': {}}\n"
        "sampler: {type: in_order, trials: 1, space: {train.clip: [1.0]}}\n"
        "grids: [{exclude: [{}], paired: [{train.steps: [1]}]}]\n"
    )
    grid = seqzoo.load_spec(
        write(folder, text),
        registry,
        [
            "sampler.space.train.optimizer.lr=[1e-3]",
            "exclude.0.train.steps=1",
            "paired.0.train.batch_size=[2, 4]",
            "variants.2.model.width=32",
            "grids.0.exclude.0.task.length=9",
            "grids.0.paired.0={train.batch_size: [8]}",
        ],
    )
    assert isinstance(grid, GridSpec)
    sampler: Any = grid.sampler
    assert sampler.space == {"train.clip": (1.0,), "train.optimizer.lr": (0.001,)}
    assert grid.exclude == ({"task.length": 8, "train.steps": 1},)
    assert grid.paired == ({"train.steps": (1, 2), "train.batch_size": (2, 4)},)
    assert grid.variants == {"2": {"model.width": 32}}
    assert grid.grids is not None
    assert grid.grids[0].exclude == ({"task.length": 9},)
    assert grid.grids[0].paired == ({"train.batch_size": (8,)},)


def test_the_base_may_be_set(folder: Path, registry: Registry) -> None:
    (folder / "other.yaml").write_text(RUN.replace("steps: 10", "steps: 77"))
    path = write(folder, "base: run.yaml\nseeds: 1\n")
    grid = seqzoo.load_spec(path, registry, ["base.train.batch_size=4", "base=other.yaml"])
    assert isinstance(grid, GridSpec)
    assert grid.base["train"] == {"steps": 77, "batch_size": 4}


def test_traps_of_a_grid_are_told_with_the_problems_of_its_cells(
    folder: Path, registry: Registry
) -> None:
    path = write(
        folder, "base: run.yaml\nvariants:\n  a: {model.mlp: None}\n  b: {model.wdth: 3}\n"
    )
    assert problems(registry, path, "base.train.stepz=3", "task.length=4") == [
        "--set base.train.stepz=3 train.stepz: unknown key 'stepz' in 'train'; did you mean "
        "'steps'?",
        "--set task.length=4 task.length: 'task' is not a key of a grid; a grid's run is its base: "
        "write --set base.task.length=4",
        "grid.yaml:3:18 variants.a.model.mlp: None is not YAML's word for nothing; write null",
        "grid.yaml:4:7 model.wdth: unknown key 'wdth' in 'model' (in variant 'b'); did you mean "
        "'width'?",
    ]


def test_traps_of_the_base_file_are_where_they_are(folder: Path, registry: Registry) -> None:
    (folder / "run.yaml").write_text(RUN + "seed: 007\n")
    path = write(folder, "base: run.yaml\naxes: {model.width: [16, wide]}\n")
    assert problems(registry, path) == [
        "grid.yaml:2:26 model.width: expected a whole number, got 'wide' (text) (in "
        "model.width=wide)",
        "run.yaml:5:7 seed: 007 has a leading zero; write 7, or '007' in quotes for text",
    ]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("rum.yaml", "grid.yaml:1:7 base: the base rum.yaml: there is no such file; did you mean"),
        (".", "grid.yaml:1:7 base: the base .: a folder, not a file"),
        ("grid.yaml", "grid.yaml:1:7 base: grid.yaml is a grid, and the base of a grid is a run"),
        ("tab.yaml", "tab.yaml:2:1: a tab stands where only spaces may; indent with spaces"),
        ("[a]", "grid.yaml:1:7 base: expected a mapping, got a list of 1"),
    ],
)
def test_bases_that_are_none(folder: Path, registry: Registry, base: str, message: str) -> None:
    (folder / "tab.yaml").write_text("model:\n\twidth: 3\n")
    (only,) = problems(registry, write(folder, f"base: {base}\nseeds: 1\n"))
    assert only.startswith(message)


def test_a_grid_may_be_made_in_python(registry: Registry) -> None:
    from seqzoo.grid.plan.expansion import expand

    base = {
        "model": {"width": 16, "layers": 1, "mixer": "attention"},
        "task": {"type": "parity", "length": 8},
        "train": {"steps": 1},
    }
    grid = GridSpec(base=base, axes={"model.width": (16, 32)}, seeds=2)
    assert [run.spec.model.width for run in expand(grid, registry)] == [16, 16, 32, 32]
    with pytest.raises(SpecError) as failure:
        expand(GridSpec(base=base, axes={"model.wdth": (16, 32)}), registry)
    assert str(failure.value) == (
        "grid model.wdth: unknown key 'wdth' in 'model'; did you mean 'width'?"
    )
