"""A real Ray cluster on the loopback interface, of two workers; started and stopped here."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqzoo import GridSpec, load_registry, load_spec
from seqzoo.errors import RunError, SpecError
from seqzoo.grid import RunJob, View, make_plan, run_grid
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.run.ledger import Ledger
from seqzoo.grid.run.ray_cluster import RayExecutor

from ..tables import table

NO_RAY = "Ray is not installed: pip install 'seqzoo[ray]'"

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 40, batch_size: 4, evaluate: {every: 10, sequences: 4}, checkpoint: {every: 5}}
variants:
  full: {}
  no-mlp: {model.mlp: null}
seeds: 2
"""
COMMAND = "import sys; from seqzoo.cli import main; sys.exit(main())"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The head of a cluster that ends with the module's tests."""
    pytest.importorskip("ray", reason=NO_RAY)
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets need a short path
    port = free_port()
    arguments = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}"]
    arguments += ["--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
    arguments += [f"--temp-dir={folder}", "--object-store-memory=80000000"]
    code = "from ray.scripts.scripts import main; main()"
    head = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(port, head)
    yield f"127.0.0.1:{port}"
    head.terminate()
    try:
        head.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(head.pid, signal.SIGKILL)
        head.wait()
    shutil.rmtree(folder, ignore_errors=True)


def wait_for(port: int, head: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert head.poll() is None, "ray start has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("no Ray cluster after two minutes")


def test_the_same_grid_gives_the_same_table_though_a_worker_is_killed(
    address: str, tmp_path: Path, inline
) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(GRID, encoding="utf-8")
    registry = load_registry()
    spec = load_spec(file, registry)
    assert isinstance(spec, GridSpec)
    plan = make_plan("grid", expand(spec, registry), spec.variants)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run_grid(plan, tmp_path / "local", inline(), RunJob(), View())
    torch.set_num_threads(threads)

    out = tmp_path / "ray"
    executor = f"{{type: ray, address: '{address}'}}"
    arguments = ["grid", str(file), "--out", str(out), "--executor", executor]
    grid = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kill_a_worker(out, grid)
    output, _ = grid.communicate(timeout=240)
    assert grid.returncode == 0, output
    assert "4 of 4 runs done" in output
    assert table(out) == table(tmp_path / "local")
    with Ledger(out) as ledger:
        assert {row.state for row in ledger.rows()} == {"done"}
        assert len({row.pid for row in ledger.rows()} | {grid.pid}) >= 3, "two workers did them"
    assert (out / "runs" / plan.runs[0].run_id / "output.txt").exists()


def kill_a_worker(out: Path, grid: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and grid.poll() is None:
        if (out / "ledger.sqlite").exists():
            with Ledger(out) as ledger:
                for row in ledger.rows():
                    if row.state == "running" and row.pid not in (None, grid.pid):
                        os.kill(row.pid, signal.SIGKILL)
                        return
        time.sleep(0.02)
    raise AssertionError(f"no worker began: {grid.communicate()[0]}")


def test_that_ray_is_missing_is_told_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SpecError, match=r"needs Ray; install it with pip install 'seqzoo\[ray\]'"):
        RayExecutor(RayExecutor.Spec())


def test_no_cluster_is_told_plainly() -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    executor = RayExecutor(RayExecutor.Spec(address=f"127.0.0.1:{free_port()}"))
    with pytest.raises(RunError, match=r"no Ray cluster at '127\.0\.0\.1:\d+' .* ray start --head"):
        executor.start(lambda job, send: None)
