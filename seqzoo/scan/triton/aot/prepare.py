"""What a check of every kernel waits for, made beforehand on all cores: compiled kernels, and what
the cases should give."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager

import torch

from seqzoo.scan.triton.aot.catalogue import recorded
from seqzoo.scan.triton.aot.compile import compile_launch, without_interpreter
from seqzoo.scan.triton.aot.kernel_case import Case, Expected, expect


@contextmanager
def prepared(
    cases: Sequence[Case], target: str, workers: int | None = None
) -> Iterator[Callable[[Case], Expected]]:
    """Compiles every launch of the cases into Triton's cache, then gives what `expect` would,
    computed meanwhile.

    Args:
        cases: what will be checked.
        target: the architecture of the device.
        workers: how many processes; None is as many as the process may use cores.

    Raises:
        ValueError: no such target.
    """
    workers = workers or len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        with without_interpreter():  # processes start while tasks are handed in
            launches = pool.submit(recorded, target, tuple(cases)).result()
            compiling = [pool.submit(compile_launch, launch) for launch in launches]
            expecting: dict[Case, Future[bytes]] = {
                case: pool.submit(_expected, case) for case in cases
            }
        wait(compiling)  # what did not compile fails where it is checked

        def expected(case: Case) -> Expected:
            return pickle.loads(expecting[case].result())

        try:
            yield expected
        finally:
            pool.shutdown(cancel_futures=True)


def _expected(case: Case) -> bytes:
    """Pickled, since tensors on their way to another process would want files of their own."""
    torch.set_num_threads(1)
    return pickle.dumps(expect(case))
