"""Peak memory of a call beyond what was held before it, in bytes.

On a GPU the allocator counts. On a CPU it is the growth of the peak resident memory of a separate
process, which has no freed memory to reuse.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

__all__ = ["peak_of_process", "peak_on_gpu"]

PROCESS = Path("/proc/self")


def peak_on_gpu(function: Callable[[], Any], device: torch.device) -> int:
    """The allocator's peak during a second call."""
    function()  # workspaces that stay
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    function()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def peak_of_process(function: Callable[[], Any]) -> int:
    """The growth of this process's peak resident memory; Linux only.

    Raises:
        OSError: the system has no /proc.
    """
    (PROCESS / "clear_refs").write_text("5")  # the peak begins anew
    before = _resident("VmRSS")
    function()
    return max(_resident("VmHWM") - before, 0)


def _resident(field: str) -> int:
    for line in (PROCESS / "status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{PROCESS / 'status'} has no {field}")
