"""Which process owns a run, and whether it is still alive, without relying on clocks.

A process of the same boot of this machine is looked up in the process table. Any other process is
judged by a counter that it advances in the ledger, see `seqzoo.grid.run.takeover`.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Owner", "is_alive", "is_stopped", "process_is_alive", "this_process"]

BOOT = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")  # containers of one machine have one each


@dataclass(frozen=True)
class Owner:
    """The identity of a process, unique across machines.

    Attributes:
        host: name of its machine, for messages only: names repeat and change.
        system: the boot of the machine and the process namespace; "" where unknown.
        pid: its process id there.
        born: its start time as the kernel counts it, since ids are reused; "" where unknown.
    """

    host: str
    system: str
    pid: int
    born: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> Owner:
    """The calling process as an owner."""
    return Owner(socket.gethostname(), _system(), os.getpid(), _born(os.getpid()))


@cache
def _system() -> str:
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
        return f"{boot} {PID_NAMESPACE.readlink()}"
    except OSError:
        return f"{os.name} {socket.gethostname()}" if os.name == "posix" else ""


def is_alive(owner: Owner) -> bool | None:
    """Whether a process is alive; None where this process cannot see it.

    A stopped process (Ctrl-Z) is alive: it may continue at any time.
    """
    if not owner.system or owner.system != _system():
        return None
    if not process_is_alive(owner.pid):
        return False
    born = _born(owner.pid)
    return not owner.born or not born or born == owner.born


def is_stopped(owner: Owner) -> bool:
    """Whether it is a stopped process (Ctrl-Z) of this machine."""
    return owner.system == _system() and _stat(owner.pid)[:1] in (["T"], ["t"])


def process_is_alive(pid: int) -> bool:
    """False if a process of this machine has ended, reaped or not; True if that is unknown."""
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[:1] not in (["Z"], ["X"])


def _born(pid: int) -> str:
    return (_stat(pid)[19:20] or [""])[0]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
