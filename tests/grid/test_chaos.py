"""Sixty runs, ten of their processes killed at random moments: `make chaos`, some two minutes."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

from seqzoo import GridSpec, load_registry, load_spec
from seqzoo.grid import RunJob, View, make_plan, run_grid
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.run.ledger import Ledger
from seqzoo.grid.run.local import threads_each

from .tables import table

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8, test_size: 32}
  train: {steps: 60, batch_size: 4, evaluate: {every: 30}, checkpoint: {every: 10}}
variants:
  full: {}
  no-mlp: {model.mlp: null}
  two: {model.mixer.heads: 2}
axes: {task.length: [8, 12], train.optimizer.lr: [1e-3, 3e-3]}
seeds: 5
"""
COMMAND = "import sys; from seqzoo.cli import main; sys.exit(main())"
KILLS = 10


def start(file: Path, out: Path) -> subprocess.Popen[bytes]:
    with (out.parent / "output.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, "grid", str(file), "--out", str(out), "--workers", "2"],
            stdout=output,
            stderr=output,
        )


def at_work(out: Path, grid: int) -> tuple[int, list[int]]:
    """Runs that are done, and worker processes with a run at hand."""
    if not (out / "ledger.sqlite").exists():
        return 0, []
    with Ledger(out) as ledger:
        rows = ledger.rows()
    workers = [row.pid for row in rows if row.state == "running" and row.pid not in (None, grid)]
    return [row.state for row in rows].count("done"), [pid for pid in workers if pid is not None]


@pytest.mark.chaos
def test_killed_ten_times_it_ends_as_undisturbed(tmp_path: Path, inline) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"kills drawn with seed {seed}")
    chance = random.Random(seed)
    file, out = tmp_path / "grid.yaml", tmp_path / "out"
    file.write_text(GRID, encoding="utf-8")
    killed: Counter[str] = Counter()
    grid = start(file, out)
    moments = sorted(chance.randrange(50) for _ in range(KILLS))
    while killed.total() < KILLS:
        time.sleep(chance.uniform(0.0, 0.5))
        assert grid.poll() is None, (tmp_path / "output.txt").read_text()
        done, workers = at_work(out, grid.pid)
        if done < moments[killed.total()] or not workers:
            continue
        if chance.random() < 0.2:
            grid.kill()
            grid.wait()
            grid = start(file, out)
            killed["grid"] += 1
        else:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed["worker"] += 1
    assert grid.wait(timeout=600) == 0, (tmp_path / "output.txt").read_text()
    print(dict(killed))

    with Ledger(out) as ledger:
        rows = ledger.rows()
    assert [row.state for row in rows] == ["done"] * 60
    assert sum(row.attempt - 1 for row in rows) >= killed["worker"]
    said = (tmp_path / "output.txt").read_text()
    done = Counter(re.findall(r"^\[.*\] done: (.*?): accuracy", said, flags=re.MULTILINE))
    assert set(done.values()) == {1}, "no run is done twice"

    registry = load_registry()
    spec = load_spec(file, registry)
    assert isinstance(spec, GridSpec)
    plan = make_plan("grid", expand(spec, registry), spec.variants)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads_each(2))
    run_grid(plan, tmp_path / "undisturbed", inline(), RunJob(), View())
    torch.set_num_threads(threads)
    assert table(out) == table(tmp_path / "undisturbed")
