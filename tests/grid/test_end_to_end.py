"""Real grids in real processes: killed, resumed, shared, and the same table as undisturbed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqzoo import GridSpec, load_registry, load_spec
from seqzoo.grid import Plan, RunJob, View, make_plan, run_grid
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.run.ledger import Ledger, LedgerRow
from seqzoo.grid.run.local import LocalExecutor, threads_each

from .tables import table

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 30, batch_size: 4, evaluate: {every: 10, sequences: 4}, checkpoint: {every: 5}}
variants:
  full: {}
  no-mlp: {model.mlp: null}
axes: {task.length: [8, 12]}
seeds: 2
"""
COMMAND = "import sys; from seqzoo.cli import main; sys.exit(main())"


class Grid:
    """A grid's file and directory, and the processes that work on it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.file = directory / "grid.yaml"
        self.out = directory / "out"
        self.started: list[subprocess.Popen[str]] = []
        self.file.write_text(GRID, encoding="utf-8")

    def start(self) -> subprocess.Popen[str]:
        arguments = ["grid", str(self.file), "--out", str(self.out), "--workers", "2"]
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def wait_until(self, told: Callable[[list[LedgerRow]], Any]) -> Any:
        """Poll the ledger until `told(rows)` gives something, and give that back."""
        end = time.monotonic() + 90
        while time.monotonic() < end and any(each.poll() is None for each in self.started):
            if (self.out / "ledger.sqlite").exists():
                with Ledger(self.out) as ledger:
                    found = told(ledger.rows())
                if found:
                    return found
            time.sleep(0.02)
        raise AssertionError("no process is at work that could bring it about, or 90 s have passed")

    def plan(self) -> Plan:
        registry = load_registry()
        spec = load_spec(self.file, registry)
        assert isinstance(spec, GridSpec)
        return make_plan("grid", expand(spec, registry), spec.variants)

    def table(self) -> list[dict]:
        return table(self.out)


def done_lines(output: str) -> Counter[str]:
    return Counter(re.findall(r"^\[.*\] done: (.*?): accuracy", output, flags=re.MULTILINE))


@pytest.fixture
def undisturbed(tmp_path, inline) -> Grid:
    """The same grid, done in this process with the threads that each of two workers has."""
    grid = Grid(tmp_path / "undisturbed")
    threads = torch.get_num_threads()
    torch.set_num_threads(threads_each(2))
    outcome = run_grid(grid.plan(), grid.out, inline(), RunJob(), View())
    torch.set_num_threads(threads)
    assert outcome.done == outcome.total == 8
    return grid


def test_killed_shared_and_interrupted_it_ends_as_undisturbed(tmp_path, undisturbed):
    grid = Grid(tmp_path / "disturbed")
    first = grid.start()

    def worker(rows):
        return [row.pid for row in rows if row.state == "running" and row.pid != first.pid]

    (victim, *_) = grid.wait_until(worker)
    os.kill(victim, signal.SIGKILL)
    grid.wait_until(lambda rows: sum(row.state == "done" for row in rows) >= 2)
    first.kill()
    first.communicate()
    with Ledger(grid.out) as ledger:
        done_before = {row.run_id for row in ledger.rows() if row.state == "done"}

    pair = [grid.start(), grid.start()]
    grid.wait_until(lambda rows: sum(row.state == "done" for row in rows) > len(done_before))
    pair[0].send_signal(signal.SIGINT)
    outputs = [process.communicate(timeout=120)[0] for process in pair]
    assert pair[0].returncode in (0, 130), outputs[0]
    assert pair[1].returncode == 0, outputs[1]
    again = done_lines(outputs[0]) + done_lines(outputs[1])
    assert set(again.values()) <= {1}, "no run is done twice"
    assert len(again) == 8 - len(done_before)
    assert grid.table() == undisturbed.table()
    with Ledger(grid.out) as ledger:
        assert {row.state for row in ledger.rows()} == {"done"}
        assert max(row.attempt for row in ledger.rows()) >= 2
    _rerun_does_nothing(grid)


def _rerun_does_nothing(grid: Grid) -> None:
    before = {path: path.stat().st_mtime_ns for path in grid.out.rglob("record.json")}
    executor = LocalExecutor(LocalExecutor.Spec(workers=2))
    outcome = run_grid(grid.plan(), grid.out, executor, RunJob(), View())
    assert (outcome.done, outcome.failures, outcome.interrupted) == (8, (), False)
    assert len(before) == 8
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_stopped_grid_is_waited_for_and_nothing_is_done_twice(tmp_path):
    grid = Grid(tmp_path / "stopped")
    first = grid.start()
    grid.wait_until(lambda rows: [row for row in rows if row.state == "running"])
    first.send_signal(signal.SIGSTOP)
    second = grid.start()
    assert second.stdout is not None
    said = ""
    while "waiting for" not in said:
        line = second.stdout.readline()
        assert line, said
        said += line
    assert f"waiting for process {first.pid} on " in said
    assert f"stopped: kill -CONT {first.pid} continues it" in said
    first.send_signal(signal.SIGCONT)
    outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outputs
    done = done_lines(outputs[0]) + done_lines(said + outputs[1])
    assert len(done) == 8
    assert set(done.values()) == {1}
    with Ledger(grid.out) as ledger:
        assert {(row.state, row.attempt) for row in ledger.rows()} == {("done", 1)}
