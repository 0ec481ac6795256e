"""What every process that does runs needs, whoever started it."""

from __future__ import annotations

import os

import torch

from seqzoo.grid.run.job import Job
from seqzoo.train.allocator import keep_freed_memory

__all__ = ["prepare", "print_into"]


def prepare(threads: int) -> None:
    """Make this process one that trains, on so many threads."""
    torch.set_num_threads(threads)
    keep_freed_memory()


def print_into(job: Job) -> None:
    """Whatever the job prints, and what the C libraries below it print, lands beside the run."""
    job.directory.mkdir(parents=True, exist_ok=True)
    output = os.open(
        job.directory / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode=0o644
    )
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
