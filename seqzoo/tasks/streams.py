"""Named random streams: each batch has a generator of its own, found by name and not by history.

A stream's seed is a hash of its names, so training step 7,000 can be drawn without the 6,999
before it (resume needs no generator state), and no draw of training can move the test set. The
CPU generator of torch uses 32 bits of its seed; one of them is kept to hold the two splits apart,
so that no stream of training is ever one of the test set.
"""

from __future__ import annotations

import hashlib

import torch

__all__ = ["stream_of_test", "stream_of_training"]

_TEST_BIT = 1 << 31


def stream_of_training(task: str, seed: int, step: int) -> torch.Generator:
    """The CPU generator of one training step of one seed."""
    return torch.Generator().manual_seed(_hash(task, "train", seed, step) & ~_TEST_BIT)


def stream_of_test(task: str) -> torch.Generator:
    """The CPU generator of a task's test set."""
    return torch.Generator().manual_seed(_hash(task, "test") | _TEST_BIT)


def _hash(*names: str | int) -> int:
    """32 bits that are the same on every machine and in every process."""
    text = "/".join(map(str, names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
