"""Ctrl-C and SIGTERM as requests that the grid polls, so that no write is interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["StopRequests", "stop_requests"]


@dataclass
class StopRequests:
    """How often the user has asked to stop; two or more times mean at once."""

    count: int = 0

    def once(self, *_: object) -> None:
        """A Ctrl-C."""
        self.count += 1

    def at_once(self, *_: object) -> None:
        """A SIGTERM, from a batch system or a shutdown."""
        self.count += 2


@contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """Inside the block, SIGINT and SIGTERM are only counted (in the main thread)."""
    requests = StopRequests()
    if threading.current_thread() is not threading.main_thread():
        yield requests
        return
    interrupt = signal.signal(signal.SIGINT, requests.once)
    terminate = signal.signal(signal.SIGTERM, requests.at_once)
    try:
        yield requests
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)
