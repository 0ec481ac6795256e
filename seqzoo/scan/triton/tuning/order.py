"""The order of searches: first those whose kernels take the most time by the model."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import torch

from seqzoo.scan.triton.aot.catalogue import recorded
from seqzoo.scan.triton.aot.compile import without_interpreter
from seqzoo.scan.triton.aot.cost import predicted_seconds
from seqzoo.scan.triton.aot.gpu_model import GPUS
from seqzoo.scan.triton.tuning.tuning_problem import TuningProblem, enlarged


def by_predicted_time(
    problems: Sequence[TuningProblem], target: str, workers: int | None = None
) -> list[TuningProblem]:
    """The problems, the one first whose kernel the model gives the most time as it is timed.

    As they come where the model has no numbers for the target.

    Args:
        problems: to order.
        target: the architecture that is tuned for.
        workers: processes that compile; None is as many as the process may use cores.
    """
    if target not in GPUS:
        return list(problems)
    workers = workers or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        with without_interpreter():  # processes start while tasks are handed in
            pending = [pool.submit(_seconds, problem, target) for problem in problems]
        seconds = [done.result() for done in pending]
    order = sorted(range(len(problems)), key=lambda index: -seconds[index])
    return [problems[index] for index in order]


def _seconds(problem: TuningProblem, target: str) -> float:
    """Of all its launches; 0 where the counter cannot read the code."""
    torch.set_num_threads(1)
    total = 0.0
    for case in problem.timed:
        large = enlarged(case)
        for launch in recorded(target, (large,)):
            if launch.name == problem.kernel:
                try:
                    total += predicted_seconds(launch, large)
                except ValueError:
                    continue
    return total
