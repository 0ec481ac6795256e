"""Peak memory of one piece of work beyond its inputs, in bytes.

On a GPU the allocator counts. On a CPU a process of its own does the work, and the growth of its
peak resident memory is read: what a user's machine has to hold, for us and for the peer alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from scanning.recurrences import Shape
from scanning.work import Work

FOLDER = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")
LONGEST = 300  # seconds a process may take


def on_gpu(function: Callable[[], Any], device: torch.device) -> int:
    """The allocator's peak over what was held before the call."""
    function()  # workspaces that stay
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    function()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def in_own_process(work: Work) -> int:
    """The growth of the peak resident memory of a fresh process.

    Raises:
        RuntimeError: the process failed; the text is its last line.
    """
    question = asdict(work) | {"dtype": str(work.dtype).removeprefix("torch."), "device": "cpu"}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path[1:]])}
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(question), str(torch.get_num_threads())],
        capture_output=True,
        text=True,
        env=environment,
        timeout=LONGEST,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"the memory process failed: {lines[-1]}")
    return int(done.stdout.strip().splitlines()[-1])


def _answer(question: str, threads: str) -> int:
    asked = json.loads(question)
    torch.set_num_threads(int(threads))
    work = Work(
        **asked
        | {
            "shape": Shape(*asked["shape"]),
            "dtype": getattr(torch, asked["dtype"]),
            "device": torch.device("cpu"),
        }
    )
    short = work.shape._replace(batch=1, time=min(work.shape.time, 64))
    replace(work, shape=short).prepare()()  # libraries and threads are loaded by this
    function = work.prepare()
    _forget_peak()
    before = _resident("VmRSS")
    function()
    return max(_resident("VmHWM") - before, 0)


def _forget_peak() -> None:
    """Sets the kernel's mark of the highest resident memory back to the present."""
    Path("/proc/self/clear_refs").write_text("5")


def _resident(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} has no {field}")


if __name__ == "__main__":
    print(_answer(*sys.argv[1:]))
