"""Keep freed tensor memory in the process instead of returning it to the system at every step.

glibc hands large blocks back to the kernel as soon as they are freed, and a training step on a CPU
frees and asks for the same blocks again: every page is then faulted in again. Measured at the
probing size (width 16, length 128, batch 32) this is a fifth of a step.
"""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep_freed_memory"]

# Parameters of mallopt(3), from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
LARGEST_KEPT = 1 << 30  # bytes; blocks above this size still go back at once
HEADROOM = 1 << 26  # bytes asked for beyond what is needed


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep freed blocks in this process. Returns whether that worked.

    For training processes, not for a library to call on import: the process then keeps its peak.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = (
        (M_MMAP_THRESHOLD, LARGEST_KEPT),
        (M_TRIM_THRESHOLD, LARGEST_KEPT),
        (M_TOP_PAD, HEADROOM),
    )
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)
