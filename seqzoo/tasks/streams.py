"""Named random streams: each batch has its own generator, seeded by name and not by history.

A stream's seed is a hash of its names, so step 7,000 can be drawn without the 6,999 before it
(resuming needs no generator state), and training never changes the test set. torch's CPU generator
uses 32 bits of its seed; one of them separates the two splits, so that no training stream is ever a
test stream.
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
