"""Compile every kernel before anything is timed, on all cores; for a GPU only.

fla tries up to 48 configurations a kernel, for each number and size of heads anew: an hour of
compilation, one after another. Here processes of their own run each work once on a short sequence,
compile every candidate into Triton's cache on disk, time none and choose none; the measuring
process then finds them compiled and times them as fla does. What fails here is left to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import partial

import torch

from scanning.memory import FOLDER
from scanning.recurrences import Shape
from scanning.work import FORWARD, STEP, TRAINING, Work

SHORT = 256  # tokens; a multiple of 16, as the measured lengths are, so the kernels are the same
MOST_PROCESSES = 14  # each holds a context of about half a GiB on the GPU


def warm(works: Iterable[Work], seconds: float) -> dict[str, float]:
    """Compiles within a time; processes that are not done by then are ended.

    Returns:
        works, processes, seconds, and how many processes were ended.
    """
    short = {
        replace(work, shape=work.shape._replace(time=min(work.shape.time, SHORT)))
        for work in works
        if work.action in (TRAINING, STEP)  # training compiles what forward needs
    }
    ordered = sorted(short, key=lambda work: (work.subject, work.recurrence, work.shape))
    count = max(1, min(MOST_PROCESSES, os.cpu_count() or 1, len(ordered)))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(FOLDER), *sys.path[1:]]),
        "FLA_CACHE_RESULTS": "0",  # nothing is chosen here
    }
    start = time.monotonic()
    processes = []
    for index in range(count):
        share = json.dumps([_plain(work) for work in ordered[index::count]])
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
        )
        stdin = processes[-1].stdin
        assert stdin is not None
        stdin.write(share)
        stdin.close()
    ended = 0
    for process in processes:
        try:
            process.wait(max(0.1, seconds - (time.monotonic() - start)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            ended += 1
    elapsed = round(time.monotonic() - start, 1)
    return {"works": len(ordered), "processes": count, "seconds": elapsed, "ended": ended}


def shorten_tuning(milliseconds: int) -> None:
    """Autotuners of this process time each candidate so long, not 100 ms: there are thousands."""
    from triton.runtime.autotuner import Autotuner
    from triton.testing import do_bench

    short = partial(do_bench, warmup=milliseconds // 4, rep=milliseconds)
    Autotuner.do_bench = property(lambda self: self._do_bench or short)  # type: ignore[assignment]


def _compile_only(self, *args, config, **meta):
    """In the place of Autotuner._bench: compiles a candidate, and launches nothing."""
    if config.pre_hook is not None:
        return [1.0] * 3
    try:
        self.fn.run(*args, **meta | config.all_kwargs() | {"warmup": True})
    except Exception:
        return [float("inf")] * 3
    return [1.0] * 3


def _plain(work: Work) -> dict:
    return asdict(work) | {"dtype": str(work.dtype).removeprefix("torch."), "device": "cuda"}


def _answer(share: str) -> None:
    from triton.runtime.autotuner import Autotuner

    Autotuner._bench = _compile_only  # type: ignore[method-assign]
    torch.set_num_threads(1)
    for asked in json.loads(share):
        work = Work(
            **asked
            | {
                "shape": Shape(*asked["shape"]),
                "dtype": getattr(torch, asked["dtype"]),
                "device": torch.device("cuda"),
            }
        )
        for action in (work.action, FORWARD) if work.action == TRAINING else (work.action,):
            try:
                replace(work, action=action).prepare()()
                torch.cuda.synchronize()
            except Exception:
                continue


if __name__ == "__main__":
    _answer(sys.stdin.read())
