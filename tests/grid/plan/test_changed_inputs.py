import csv
import io
import shutil
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.grid.plan import changed_inputs
from seqzoo.grid.plan.plan import read_plan
from seqzoo.train.record import read_record, write_record

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: text, path: PATH, length: 8}
  train: {steps: 2, batch_size: 2, evaluate: {every: 2}, loggers: []}
variants: {full: {}, no-mlp: {model.mlp: null}}
"""


class Grid:
    """A grid on a text, run by the command line."""

    def __init__(self, folder, capsys):
        self.text, self.file, self.out = folder / "a.txt", folder / "grid.yaml", folder / "out"
        self.capsys = capsys
        self.text.write_text("to be or not to be, that is the question\n" * 40)
        self.file.write_text(GRID.replace("PATH", str(self.text)))

    def run(self, *more):
        command = ["grid", str(self.file), "--out", str(self.out), "--workers", "1", *more]
        status = main(command)
        return status, self.capsys.readouterr()

    def change(self):
        self.text.write_text("whether 'tis nobler in the mind to suffer\n" * 40)

    def records(self):
        return {path.parent.name: path.read_bytes() for path in self.out.glob("runs/*/record.json")}

    def counts(self):
        assert main(["report", str(self.out), "--format", "csv"]) == 0
        return [row["n"] for row in csv.DictReader(io.StringIO(self.capsys.readouterr().out))]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a grid that has been run, and a copy of it."""
    folder, copy = (tmp_path_factory.mktemp(name) for name in ("grid", "copy"))
    grid = Grid(folder, None)
    assert main(["grid", str(grid.file), "--out", str(grid.out), "--workers", "1"]) == 0
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    return folder, copy


@pytest.fixture
def grid(finished, capsys):
    """Each time as it was when it had been run; paths in it are absolute, so it stays in place."""
    folder, copy = finished
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    capsys.readouterr()
    return Grid(folder, capsys)


def test_a_text_that_changed_stops_a_grid_that_grows(grid):
    before = grid.records()
    grid.change()
    status, printed = grid.run("--set", "seeds=2")
    assert status == 2
    assert "2 finished runs had other inputs than they would have now" in printed.err
    assert "the first 'full, seed 0': task.path was " in printed.err
    assert "add --rerun-changed" in printed.err
    assert grid.records() == before
    assert grid.run("--dry-run", "--no-estimate")[0] == 2


def test_rerun_changed_does_them_again_and_keeps_the_old_ones(grid):
    before = grid.records()
    grid.change()
    status, _ = grid.run("--set", "seeds=2", "--rerun-changed")
    assert status == 0
    after = grid.records()
    assert len(after) == 4
    texts = {read_record(p).inputs["task.path"] for p in grid.out.glob("runs/*/record.json")}
    assert len(texts) == 1
    assert all(after[run_id] != before[run_id] for run_id in before)
    kept = {
        path.parent.name: path.read_bytes() for path in grid.out.glob("replaced/1/*/record.json")
    }
    assert kept == before
    assert grid.counts() == ["2", "2"]
    assert grid.run("--set", "seeds=2")[0] == 0


TUNED = """seeds: 2
sampler: {type: in_order, trials: 2, space: {train.optimizer.lr: [1e-3, 1e-2]}}
"""


class KilledError(BaseException):
    """Stands for the end of the process."""


def kill_after(moves, monkeypatch):
    """Let the next move of files into `replaced/` end after some of them."""
    rename, moved = Path.rename, []

    def rename_until_killed(path, target):
        if "replaced" in str(target):
            if len(moved) == moves:
                raise KilledError
            moved.append(target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_until_killed)


@pytest.mark.parametrize("moves", [1, 3])
def test_an_interrupted_move_of_a_tuned_grid_is_finished(moves, tmp_path, capsys, monkeypatch):
    """Whether the process ended after the plan was moved, or between two runs."""
    grid = Grid(tmp_path, capsys)
    variants = "variants: {full: {}, no-mlp: {model.mlp: null}}\n"
    grid.file.write_text(grid.file.read_text().replace(variants, TUNED))
    assert grid.run()[0] == 0
    old, plan = grid.records(), (grid.out / "plan.json").read_bytes()
    assert len(old) == 3
    grid.change()
    with monkeypatch.context() as patch:
        kill_after(moves, patch)
        with pytest.raises(KilledError):
            grid.run("--rerun-changed")
    status, printed = grid.run()
    assert status == 2
    assert "--rerun-changed was interrupted while it moved the old runs to" in printed.err
    assert grid.run("--rerun-changed")[0] == 0
    aside = grid.out / "replaced" / "1"
    kept = {path.parent.name: path.read_bytes() for path in aside.glob("*/record.json")}
    assert (kept, (aside / "plan.json").read_bytes()) == (old, plan)
    assert (aside / "ledger.sqlite").exists()
    texts = {read_record(p).inputs["task.path"] for p in grid.out.glob("runs/*/record.json")}
    assert len(texts) == 1
    chosen = [row.chosen for row in read_plan(grid.out).runs if row.chosen]
    assert {each.value for each in chosen} != {
        row.chosen.value for row in read_plan(aside).runs if row.chosen
    }
    assert grid.run()[0] == 0
    assert [path.name for path in (grid.out / "replaced").iterdir()] == ["1"]


def test_the_old_text_put_back_is_no_change(grid):
    whole = grid.text.read_text()
    grid.change()
    grid.text.write_text(whole)
    assert grid.run("--set", "seeds=2")[0] == 0
    assert grid.counts() == ["2", "2"]


def test_a_text_that_is_gone_keeps_no_finished_grid_from_its_table(grid):
    grid.text.unlink()
    status, printed = grid.run()
    assert status == 0
    assert "2 of 2 runs done" in printed.out


@pytest.mark.parametrize(
    ("then", "now", "committed", "told"),
    [
        ({"plugin p": "1"}, {"plugin p": "2"}, None, "plugin p was 1 and is 2 now"),
        ({"code p": "a"}, {"code p": "b"}, None, "code p was a and is b now"),
        ({}, {"code p": "b"}, None, "code p differs from its commit now, and did not then"),
        ({"code p": "a"}, {}, "c", "code p was a, in no commit, and is c now"),
        ({"code p": "a"}, {}, "a", ""),
        ({"task": "a"}, {}, None, ""),
    ],
)
def test_plugins_and_code_are_compared_too(then, now, committed, told, grid, monkeypatch):
    for path in grid.out.glob("runs/*/record.json"):
        record = read_record(path)
        write_record(path, record.model_copy(update={"inputs": {"task.path": "x", **then}}))
    monkeypatch.setattr(changed_inputs, "inputs_of", lambda spec: {"task.path": "x", **now})
    monkeypatch.setattr(changed_inputs, "code_fingerprint", lambda package: committed)
    status, printed = grid.run()
    assert (status, told in printed.err) == ((2 if told else 0), True)
