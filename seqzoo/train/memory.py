"""Peak memory of a run: of the process, and of tensors on a GPU."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from seqzoo.errors import RunError
from seqzoo.train.progress import Progress

try:
    import resource
except ImportError:  # Windows: the process's peak is not known there
    resource = None

__all__ = ["PeakMemory", "enough_memory"]

PROC = Path("/proc/self")


SIGNS = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "Storage size calculation overflowed",
)


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn what torch and numpy raise when memory runs out into a RunError.

    Raises:
        RunError: a tensor does not fit.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as failure:
        text = str(failure)
        if not isinstance(failure, MemoryError) and not any(sign in text for sign in SIGNS):
            raise
        size = re.search(r"allocate ([\d.]+ \w+)", text)
        what = f", {size[1]} were asked for at once" if size else ""
        raise RunError(
            f"the run does not fit into memory{what}; lower train.batch_size, the task's length or "
            "test_size, its vocabulary, or the model's width. train.accumulate and "
            "train.activation_checkpointing take less memory for the same result"
        ) from failure


class PeakMemory:
    """Peaks since this object was made; without /proc, since the process started."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        try:
            (PROC / "clear_refs").write_text("5")  # Linux: the peak begins anew
        except OSError:
            return

    def note(self, progress: Progress) -> None:
        """Update the peaks in a run's progress, in bytes."""
        progress.peak_rss = max(progress.peak_rss, _peak_rss())
        if self._device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self._device)
            progress.peak_device = max(progress.peak_device, peak)


def _peak_rss() -> int:
    """Peak of the process's resident memory in bytes, 0 where the system does not report it."""
    try:
        for line in (PROC / "status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
