"""The local executor: worker processes on this machine, each of which does many runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from pydantic import NonNegativeInt

from seqzoo.errors import RunError, SpecError
from seqzoo.grid.run.executors import Executor
from seqzoo.grid.run.job import Busy, Finished, Job, Lost, News, Started, Work
from seqzoo.grid.run.process import prepare, print_into

__all__ = ["LocalExecutor", "gpu_names", "num_cores", "threads_each"]

PATIENCE_SECONDS = 5.0
WORKER = "seqzoo-worker"


def num_cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_each(workers: int) -> int:
    """CPU threads of each worker: OMP_NUM_THREADS, or an even share of the cores."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return max(1, num_cores() // workers)


def gpu_names(limit: int | None = None) -> tuple[str, ...]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES calls them; the first `limit`.

    As CUDA does, it reads that list up to the first negative number: -1 leaves none.

    Raises:
        SpecError: there are fewer than `limit`.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        names = [str(index) for index in range(torch.cuda.device_count())] if limit != 0 else []
    else:
        listed = [name.strip() for name in visible.split(",")]
        names = list(takewhile(lambda name: name and not name.startswith("-"), listed))
    if limit is not None and limit > len(names):
        told = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
        raise SpecError(
            f"executor 'local': gpus: {limit}, and this process sees {len(names)}{told}; "
            "leave gpus out for all that it sees"
        )
    return tuple(names[:limit])


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Any  # a Connection; its class differs from platform to platform
    gpu: str | None = None
    job: Job | None = None


class LocalExecutor(Executor):
    """Worker processes on this machine, which share its cores evenly and have one GPU each."""

    name = "local"

    class Spec(Executor.Spec):
        """Settings of `local`.

        Attributes:
            workers: runs at a time; null for one per GPU, or one per core without GPUs.
            gpus: number of GPUs to use, one per worker; null for all that are visible.
        """

        gpus: NonNegativeInt | None = None

    def __init__(self, spec: Spec) -> None:
        self._gpus = gpu_names(spec.gpus)
        self.num_workers = spec.workers or len(self._gpus) or num_cores()
        self._workers: list[_Worker] = []
        self._work: Work | None = None

    def start(self, work: Work) -> None:
        """Remember what to do; a process starts with its first job.

        Raises:
            RunError: this process is itself a worker that reran the script that started the grid.
        """
        if multiprocessing.current_process().name == WORKER:
            raise RunError(
                "a worker of a grid may not start a grid: in a script, put the lines that do "
                "below if __name__ == '__main__':"
            )
        self._work = work

    def free(self) -> int:
        """Workers without a job, including those not started yet."""
        return self.num_workers - sum(worker.job is not None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give the job to an idle worker process, or to a new one."""
        worker = next((worker for worker in self._workers if worker.job is None), None)
        worker = worker or self._hire()
        worker.job = job
        with suppress(OSError):  # it has just died: news() tells
            worker.pipe.send(job)

    def news(self, timeout: float) -> Sequence[News]:
        """The messages in the pipes; a closed pipe means a lost worker."""
        if not self._workers:
            time.sleep(timeout)
            return ()
        by_pipe = {worker.pipe: worker for worker in self._workers}
        news: list[News] = []
        for pipe in wait(list(by_pipe), timeout):
            news.extend(self._listen(by_pipe[pipe]))
        return news

    def stop(self, job: Job) -> None:
        """Kill the worker that has the job."""
        for worker in [worker for worker in self._workers if worker.job == job]:
            self._dismiss([worker])

    def close(self) -> None:
        """Let idle workers exit, and kill the busy ones."""
        self._dismiss(list(self._workers))

    def _hire(self) -> _Worker:
        assert self._work is not None, "start comes first"
        context = multiprocessing.get_context("spawn")
        pipe, far_end = context.Pipe()
        threads = threads_each(self.num_workers)
        gpu = self._least_used_gpu()
        process = context.Process(
            target=_serve, args=(far_end, self._work, threads, gpu), name=WORKER
        )
        with _no_ctrl_c():
            process.start()
        far_end.close()
        worker = _Worker(process, pipe, gpu)
        self._workers.append(worker)
        return worker

    def _least_used_gpu(self) -> str | None:
        used = [worker.gpu for worker in self._workers]
        return min(self._gpus, key=used.count, default=None)

    def _listen(self, worker: _Worker) -> Iterator[News]:
        try:
            while worker.pipe.poll():
                news: News = worker.pipe.recv()
                if isinstance(news, Finished | Busy):
                    worker.job = None
                yield news
        except (EOFError, OSError):
            worker.process.join(PATIENCE_SECONDS)
            job, code = worker.job, worker.process.exitcode
            self._dismiss([worker])
            if job is not None:
                yield Lost(job, how=_ending(code))

    def _dismiss(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            worker.pipe.close()
            if worker.job is not None:
                worker.process.terminate()
        for worker in workers:
            worker.process.join(PATIENCE_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()


def _ending(code: int | None) -> str:
    if code is None:
        return "its worker stopped answering"
    if code < 0:
        name = _signal_name(-code)
        likely = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its worker was ended by {name}{likely}"
    return f"its worker ended with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have none
        return f"signal {number}"


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Processes started in this block ignore Ctrl-C: the grid decides when they stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, work: Work, threads: int, gpu: str | None) -> None:
    """The loop of a worker: one job after another, until the pipe closes or the grid dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_grid, daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before anything in this process uses CUDA
    prepare(threads)
    host = socket.gethostname()
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        with suppress(OSError):  # a full disk: the job itself says so
            print_into(job)
        pipe.send(Started(job, host=host, pid=os.getpid()))
        work(job, pipe.send)


def _die_with_the_grid() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
