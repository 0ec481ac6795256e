"""The local executor: worker processes of this machine, each doing many runs."""

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
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from seqzoo.grid.executors import Executor
from seqzoo.grid.job import Finished, Job, Lost, News, Started, Work
from seqzoo.train.allocator import keep_freed_memory

__all__ = ["LocalExecutor", "num_cores"]

PATIENCE_SECONDS = 5.0


def num_cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Any  # a Connection; its class differs from platform to platform
    job: Job | None = None


class LocalExecutor(Executor):
    """Worker processes on this machine; they share its cores evenly."""

    name = "local"

    def __init__(self, spec: Executor.Spec) -> None:
        self.num_workers = spec.workers or num_cores()
        self._workers: list[_Worker] = []
        self._work: Work | None = None

    def start(self, work: Work) -> None:
        """Remember what to do; a process starts when there is a job for it."""
        self._work = work

    def free(self) -> int:
        """Workers without a job, those not started yet among them."""
        return self.num_workers - sum(worker.job is not None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """To an idle worker process, or a new one."""
        worker = next((worker for worker in self._workers if worker.job is None), None)
        worker = worker or self._hire()
        worker.job = job
        with suppress(OSError):  # it has just died: news() tells
            worker.pipe.send(job)

    def news(self, timeout: float) -> Sequence[News]:
        """Whatever the pipes hold; a closed one is a lost worker."""
        if not self._workers:
            time.sleep(timeout)
            return ()
        by_pipe = {worker.pipe: worker for worker in self._workers}
        news: list[News] = []
        for pipe in wait(list(by_pipe), timeout):
            news.extend(self._listen(by_pipe[pipe]))
        return news

    def stop(self, job: Job) -> None:
        """End the worker that has the job."""
        for worker in [worker for worker in self._workers if worker.job == job]:
            self._dismiss([worker])

    def close(self) -> None:
        """Let idle workers go and end the busy ones."""
        self._dismiss(list(self._workers))

    def _hire(self) -> _Worker:
        assert self._work is not None, "start comes first"
        context = multiprocessing.get_context("spawn")
        pipe, far_end = context.Pipe()
        threads = max(1, num_cores() // self.num_workers)
        process = context.Process(
            target=_serve, args=(far_end, self._work, threads), name="seqzoo-worker"
        )
        with _no_ctrl_c():
            process.start()
        far_end.close()
        worker = _Worker(process, pipe)
        self._workers.append(worker)
        return worker

    def _listen(self, worker: _Worker) -> Iterator[News]:
        try:
            while worker.pipe.poll():
                news: News = worker.pipe.recv()
                if isinstance(news, Finished):
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
        name = signal.Signals(-code).name
        likely = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its worker was ended by {name}{likely}"
    return f"its worker ended with exit code {code}"


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """A process started in here does not hear Ctrl-C: the grid decides what becomes of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection, work: Work, threads: int) -> None:
    """A worker's whole life: one job after the other, until the pipe ends or the grid dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_grid, daemon=True).start()
    torch.set_num_threads(threads)
    keep_freed_memory()
    host = socket.gethostname()
    while True:
        try:
            job: Job = pipe.recv()
        except (EOFError, OSError):
            return
        with suppress(OSError):  # a full disk: the job itself says so
            _print_into(job)
        pipe.send(Started(job, host=host, pid=os.getpid()))
        work(job, pipe.send)


def _die_with_the_grid() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _print_into(job: Job) -> None:
    """Whatever the job prints, and what the C libraries below it print, lands beside the run."""
    job.directory.mkdir(parents=True, exist_ok=True)
    output = os.open(
        job.directory / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode=0o644
    )
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
