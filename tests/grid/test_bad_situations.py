"""What may go wrong with a grid's directory: it is told, nothing done is lost, the advice works."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import seqzoo
from seqzoo import files
from seqzoo.cli import main
from seqzoo.errors import RunError
from seqzoo.grid import Outcome, RunJob, View, make_plan, plan_path, run_directory, run_grid
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.run import driver
from seqzoo.grid.run.job import Finished
from seqzoo.grid.run.ledger import Ledger
from seqzoo.report import make_report

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8, test_size: 16}
  train: {steps: 4, batch_size: 4, evaluate: {every: 2, sequences: 4}, checkpoint: {every: 2}}
variants: {full: {}, no-mlp: {model.mlp: null}, two: {model.mixer.heads: 2}}
"""


class Grid:
    """A grid of three runs of a few steps, done in this process."""

    def __init__(self, folder: Path, executor) -> None:
        self.file, self.out = folder / "grid.yaml", folder / "out"
        self.file.write_text(GRID, encoding="utf-8")
        registry = seqzoo.load_registry()
        spec = seqzoo.load_spec(self.file, registry)
        assert isinstance(spec, seqzoo.GridSpec)
        self.plan = make_plan("grid", expand(spec, registry), spec.variants)
        self.executor = executor

    def run(self) -> Outcome:
        return run_grid(self.plan, self.out, self.executor(workers=1), RunJob(), View())

    def place(self, number: int) -> Path:
        return run_directory(self.out, self.plan.runs[number].run_id)

    def done(self) -> dict[str, int]:
        """Each run that has a record, and when that was written."""
        records = self.out.glob("runs/*/record.json")
        return {path.parent.name: path.stat().st_mtime_ns for path in records}


@pytest.fixture
def grid(tmp_path, inline, monkeypatch) -> Grid:
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.0)
    return Grid(tmp_path, inline)


def full_from(monkeypatch: pytest.MonkeyPatch, is_last: Callable[[Path], bool]) -> None:
    """The disk takes nothing more once such a file is to be written."""
    force, full = files.force_to_disk, [False]

    def no_room(path: Path) -> None:
        full[0] = full[0] or is_last(path)
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        force(path)

    monkeypatch.setattr(files, "force_to_disk", no_room)


def test_a_disk_that_fills_up_while_a_record_is_written_costs_nothing(grid, monkeypatch):
    second = grid.place(1)
    with monkeypatch.context() as patch:
        full_from(patch, lambda path: path.parent == second and "record.json" in path.name)
        with pytest.raises(RunError, match=r"cannot write .*record\.json: No space left") as told:
            grid.run()
    assert str(second) in str(told.value)
    assert "free some room on the disk and run the same command again: it resumes" in str(
        told.value
    )
    before = grid.done()
    assert list(before) == [grid.plan.runs[0].run_id]
    assert not list(grid.out.rglob("*record.json.*")), "no draft is left"
    assert (grid.run().done, before.items() <= grid.done().items()) == (3, True)


def test_a_disk_that_fills_up_while_the_plan_is_written_leaves_the_old_plan(grid, monkeypatch):
    grid.run()
    before = plan_path(grid.out).read_bytes()
    larger = grid.plan.model_copy(update={"name": "renamed"})
    with monkeypatch.context() as patch:
        full_from(patch, lambda path: "plan.json" in path.name)
        with pytest.raises(RunError, match=r"cannot write .*plan\.json: No space left .*; free"):
            run_grid(larger, grid.out, grid.executor(), RunJob(), View())
    assert plan_path(grid.out).read_bytes() == before
    assert run_grid(larger, grid.out, grid.executor(), RunJob(), View()).done == 3


def test_a_disk_that_fills_up_while_the_ledger_is_written_costs_nothing(grid, monkeypatch):
    finish = Ledger.finish

    def no_room(self, token, error=None, traceback=""):
        if len(grid.done()) == 2:
            self.database.execute("PRAGMA max_page_count = 1")  # no page more than there is
            return finish(self, token, "no room for so long a traceback", "x" * 1_000_000)
        return finish(self, token, error, traceback)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "finish", no_room)
        with pytest.raises(RunError, match=r"ledger\.sqlite: the disk is full; free some room"):
            grid.run()
    before = grid.done()
    assert len(before) == 2
    outcome = grid.run()
    assert (outcome.done, outcome.failures) == (3, ())
    assert before.items() <= grid.done().items(), "the run the ledger missed is not done again"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere: be nobody meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def read_only(inline, monkeypatch) -> Iterator[Grid]:
    """The grid, done, in a folder that may be read by all and written by nobody."""
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.0)
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        grid = Grid(folder, inline)
        grid.run()
        paths = [folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield grid
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_a_read_only_directory_is_told_and_still_reported(read_only, capsys):
    before = read_only.done()
    with unprivileged():
        with pytest.raises(RunError, match=r"ledger\.sqlite: cannot be written .*choose an --out"):
            read_only.run()
        with pytest.raises(RunError, match=r"cannot be written .*choose an --out"):
            Ledger(read_only.out.parent / "other")
        assert main(["report", str(read_only.out), "--format", "csv"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 4
        arguments = ["grid", str(read_only.file), "--out", str(read_only.out)]
        assert main([*arguments, "--dry-run", "--no-estimate"]) == 0
        assert "3 runs, 3 done, 0 failed, 0 to do" in capsys.readouterr().out
    assert read_only.done() == before


def test_a_newer_ledger_is_refused_with_the_directory_as_it_is(grid, capsys):
    grid.run()
    with sqlite3.connect(grid.out / "ledger.sqlite") as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    before, plan = grid.done(), plan_path(grid.out).stat().st_mtime_ns
    assert main(["grid", str(grid.file), "--out", str(grid.out)]) == 1
    told = capsys.readouterr().err
    assert f"{grid.out / 'ledger.sqlite'}: written by a newer seqzoo" in told
    assert "upgrade seqzoo, or choose another --out" in told
    assert (grid.done(), plan_path(grid.out).stat().st_mtime_ns) == (before, plan)
    assert [cell.n for cell in make_report(grid.out).cells] == [1, 1, 1], "records need no ledger"


@pytest.mark.parametrize("name", ["plan.json", "ledger.sqlite"])
def test_a_broken_file_is_named_and_deleting_it_loses_no_run(name, grid, capsys):
    grid.run()
    before = grid.done()
    (grid.out / name).write_text("{ no file of seqzoo's, by far" * 100, encoding="utf-8")
    assert main(["grid", str(grid.file), "--out", str(grid.out)]) == 1
    told = capsys.readouterr().err
    assert f"{grid.out / name}: not a" in told
    assert "delete it and run the grid again: finished runs are recognised by their records" in told
    assert "Traceback" not in told
    for path in grid.out.glob(f"{name}*"):
        path.unlink()
    assert grid.run().done == 3
    assert grid.done() == before


def test_a_damaged_record_is_told_and_deleting_it_makes_it_again(grid, capsys):
    grid.run()
    path = grid.place(1) / "record.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[: len(whole) // 2], encoding="utf-8")
    assert main(["report", str(grid.out)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "2 of 3 runs done (1 failed)" in told
    assert f"{path} is damaged: it is not JSON" in told
    assert "delete it, and the run's seqzoo train or seqzoo grid makes it again" in told
    assert "failure.txt" not in told, "there is none"
    path.unlink()
    assert grid.run().done == 3
    assert [cell.n for cell in make_report(grid.out).cells] == [1, 1, 1]


def test_a_run_copied_over_another_is_told_and_never_counted(grid, capsys):
    grid.run()
    one, two = grid.place(0), grid.place(1)
    shutil.rmtree(two)
    shutil.copytree(one, two)
    assert main(["report", str(grid.out), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["n"], row["failed"]) for row in rows] == [("1", "0"), ("0", "1"), ("1", "0")]
    outcome = grid.run()
    assert outcome.done == 2
    (failure,) = outcome.failures
    assert f"holds run {grid.plan.runs[0].run_id}, and this is run" in failure.error
    shutil.rmtree(two)
    outcome = grid.run()
    assert (outcome.done, outcome.failures) == (3, ())


def test_a_grid_whose_directory_vanishes_is_no_success(grid, monkeypatch):
    monkeypatch.setattr(driver, "BEAT_SECONDS", 0.0)

    def vanish(job, send):
        shutil.rmtree(grid.out)
        send(Finished(job))

    with pytest.raises(RunError, match="was moved or deleted while the grid worked"):
        run_grid(grid.plan, grid.out, grid.executor(workers=1), vanish, View())


def test_a_grid_in_a_runs_directory_is_refused_and_leaves_it_as_it_is(grid, capsys):
    grid.run()
    before = sorted(grid.place(0).iterdir())
    assert main(["grid", str(grid.file), "--out", str(grid.place(0))]) == 2
    assert "holds a run (spec.yaml); choose another --out for a grid" in capsys.readouterr().err
    assert sorted(grid.place(0).iterdir()) == before


def test_a_ledger_that_was_cut_or_edited_is_named(grid, capsys):
    grid.run()
    path = grid.out / "ledger.sqlite"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:5000], whole[:1024] + b"x" * len(whole)):
        path.write_bytes(content)
        assert main(["grid", str(grid.file), "--out", str(grid.out)]) == 1
        told = capsys.readouterr().err
        assert f"{path}: not a ledger, or a broken one" in told
        assert "Traceback" not in told
    path.write_bytes(whole)
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE runs DROP COLUMN error")
    database.close()
    assert main(["grid", str(grid.file), "--out", str(grid.out)]) == 1
    assert "not a ledger, or a broken one (no such column: error)" in capsys.readouterr().err
