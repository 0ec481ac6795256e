"""Set-up of a process that trains runs."""

from __future__ import annotations

import os

import torch

from seqzoo.grid.run.job import Job
from seqzoo.train.allocator import keep_freed_memory

__all__ = ["prepare", "print_into"]


def prepare(threads: int) -> None:
    """Set up a training process with `threads` threads."""
    torch.set_num_threads(threads)
    keep_freed_memory()


def print_into(job: Job) -> None:
    """Redirect all output of a job, C libraries included, into a file beside the run."""
    job.directory.mkdir(parents=True, exist_ok=True)
    output = os.open(
        job.directory / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode=0o644
    )
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
