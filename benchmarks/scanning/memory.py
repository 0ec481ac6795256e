"""Peak memory of one piece of work on a CPU, in a process of its own: ours and the peer's alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

from scanning.recurrences import Shape
from scanning.work import Work
from seqzoo.bench.memory import peak_of_process

FOLDER = Path(__file__).parents[1]
LONGEST = 300  # seconds a process may take


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
    return peak_of_process(function)


if __name__ == "__main__":
    print(_answer(*sys.argv[1:]))
