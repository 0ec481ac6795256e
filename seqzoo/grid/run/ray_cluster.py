"""The Ray executor: workers are actors on a Ray cluster.

As with local workers, the grid's own process keeps plan and ledger and hands out the runs. The
machines must share the file system with the grid's directory, under the same path, and have seqzoo
and its plugins installed.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import Field, PositiveInt

from seqzoo.errors import RunError, SpecError
from seqzoo.grid.run.executors import Executor
from seqzoo.grid.run.job import Job, Lost, News, Send, Started, Work
from seqzoo.grid.run.process import prepare, print_into

__all__ = ["RayExecutor"]


KNOCK_SECONDS = 10.0


class RayExecutor(Executor):
    """Workers on a Ray cluster, which must see the grid's directory; needs the extra `ray`."""

    name = "ray"

    class Spec(Executor.Spec):
        """Settings of `ray`.

        Attributes:
            workers: runs at a time; null for as many as the cluster's cores allow.
            address: the cluster's head as host:port; auto finds one on this machine.
            cpus: processor cores per worker, and the threads of its runs.
            gpus: GPUs per worker; a fraction lets workers share one.
        """

        address: str = "auto"
        cpus: PositiveInt = 1
        gpus: float = Field(default=0.0, ge=0)

    def __init__(self, spec: Spec) -> None:
        """Make an executor that has joined no cluster yet.

        Raises:
            SpecError: Ray is not installed.
        """
        try:
            self._ray = _ray()
        except ImportError:
            raise SpecError(
                "executor 'ray' needs Ray; install it with pip install 'seqzoo[ray]', or choose "
                "--executor local"
            ) from None
        self.spec = spec
        self._num_workers = spec.workers or 0
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Job]] = {}  # reference of the result -> actor, job

    def start(self, work: Work) -> None:
        """Join the cluster; an actor starts with its first job.

        Raises:
            RunError: there is no cluster at the address.
        """
        ray = self._ray
        with _own_sigterm():
            try:
                _knock(self.spec.address)
                ray.init(address=self.spec.address, log_to_driver=False, logging_level="ERROR")
            except (OSError, RuntimeError, ValueError) as failure:
                reason = str(failure).partition("\n")[0]
                raise RunError(
                    f"no Ray cluster at '{self.spec.address}' ({reason}); start one with "
                    "ray start --head, or name its address: --executor '{type: ray, address: "
                    "HOST:PORT}'"
                ) from None
        if not self._num_workers:
            cores = int(ray.cluster_resources().get("CPU", 1))
            self._num_workers = max(1, cores // self.spec.cpus)
        self._mailbox: Any = ray.remote(num_cpus=0)(_Mailbox).remote()
        self._work = ray.put(work)

    def free(self) -> int:
        """Workers without a job, including those not started yet."""
        return self._num_workers - len(self._busy)

    def submit(self, job: Job) -> None:
        """Give the job to an idle actor, or to a new one."""
        actor = self._idle.pop() if self._idle else self._hire()
        self._busy[actor.do.remote(job, self._mailbox)] = (actor, job)

    def news(self, timeout: float) -> Sequence[News]:
        """The actors' messages; an actor whose job did not return is lost.

        Raises:
            RunError: the cluster is gone.
        """
        ray = self._ray
        references = list(self._busy)
        ended = (
            ray.wait(references, num_returns=len(references), timeout=0)[0] if references else []
        )
        try:
            news = ray.get(self._mailbox.take.remote(0.0 if ended else timeout))
        except ray.exceptions.RayError as failure:
            raise RunError(
                f"the Ray cluster is gone ({_first_line(failure)}); start it and run the same "
                "command again: it resumes"
            ) from None
        return [*news, *self._lost(ended)]

    def stop(self, job: Job) -> None:
        """Kill the actor that has the job."""
        for reference, (actor, its_job) in list(self._busy.items()):
            if its_job == job:
                del self._busy[reference]
                self._ray.kill(actor)

    def close(self) -> None:
        """Kill all actors and leave the cluster running."""
        for actor in (*self._idle, *(actor for actor, _ in self._busy.values())):
            self._ray.kill(actor)
        self._idle.clear()
        self._busy.clear()
        self._ray.shutdown()

    def _hire(self) -> Any:
        options = {"num_cpus": self.spec.cpus, "num_gpus": self.spec.gpus}
        return self._ray.remote(**options)(_Worker).remote(self._work, self.spec.cpus)

    def _lost(self, ended: Sequence[Any]) -> Iterator[News]:
        for reference in ended:
            actor, job = self._busy.pop(reference)
            try:
                self._ray.get(reference)
            except self._ray.exceptions.RayError as failure:
                self._ray.kill(actor)
                yield Lost(job, how=f"its Ray worker ended: {_first_line(failure)}")
            else:
                self._idle.append(actor)


class _Worker:
    """An actor that does one job after another."""

    def __init__(self, work: Work, threads: int) -> None:
        prepare(threads)
        self._work = work

    def do(self, job: Job, mailbox: Any) -> None:
        """Do the job; all its news has arrived when this returns."""
        send: Send = _Sender(_ray().get, mailbox)
        with suppress(OSError):  # a full disk: the job itself says so
            print_into(job)
        send(Started(job, host=socket.gethostname(), pid=os.getpid()))
        self._work(job, send)


class _Sender:
    """Sends news to the mailbox and waits until it has arrived."""

    def __init__(self, wait: Any, mailbox: Any) -> None:
        self._wait, self._mailbox = wait, mailbox

    def __call__(self, news: News) -> None:
        self._wait(self._mailbox.put.remote(news))


class _Mailbox:
    """An actor that holds the news until the grid takes it."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[News] = asyncio.Queue()

    async def put(self, news: News) -> None:
        """Add a piece of news."""
        await self._news.put(news)

    async def take(self, timeout: float) -> list[News]:
        """Take all news; if there is none, wait at most `timeout` seconds for some."""
        taken: list[News] = []
        if self._news.empty() and timeout:
            with suppress(asyncio.TimeoutError):
                taken.append(await asyncio.wait_for(self._news.get(), timeout))
        while not self._news.empty():
            taken.append(self._news.get_nowait())
        return taken


def _ray() -> Any:
    """Ray, if the extra is installed."""
    return importlib.import_module("ray")


def _knock(address: str) -> None:
    """Fail at once if nothing listens at the address; Ray would retry for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def _first_line(failure: BaseException) -> str:
    return str(failure).strip().partition("\n")[0]


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the grid's SIGTERM handler, which Ray would replace with its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
