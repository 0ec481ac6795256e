"""Is a process of this machine still there?"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["process_is_alive"]


def process_is_alive(pid: int) -> bool:
    """False if the process has ended, reaped or not; True where that cannot be told."""
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] not in "ZX"
