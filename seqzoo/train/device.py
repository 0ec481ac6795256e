"""The device a run trains on, and its own random numbers there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from seqzoo.errors import SpecError

__all__ = [
    "choose_device",
    "folded",
    "generator_states",
    "private_randomness",
    "restore_generators",
]


def choose_device(name: str) -> torch.device:
    """The device a spec means; `auto` is CUDA, else MPS, else the CPU.

    Raises:
        SpecError: this machine has no such device.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, index = name.partition(":")
    there = {"cpu": True, "cuda": cuda, "mps": mps}.get(kind, False)
    if there and index:
        # Torch itself takes no index that is written in another way, or longer.
        there = index in map(str, range(torch.cuda.device_count()))
    if not there:
        found = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        found += ["mps"] if mps else []
        raise SpecError(
            f"train.device: this machine has no '{name}'; it has {', '.join(found)} "
            "(write train.device: auto to take the fastest)"
        )
    return torch.device(name)


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside the block, and restore them afterwards.

    They draw the model's initial weights and dropout; data have generators of their own.
    """
    before = generator_states(device)
    torch.manual_seed(folded(seed))
    try:
        yield
    finally:
        restore_generators(before, device)


def folded(seed: int) -> int:
    """A seed of 32 bits, since torch's generator on the CPU uses no more: 1 and 1 + 2^32 differ.

    Smaller seeds are themselves.
    """
    if seed < 1 << 32:
        return seed
    return int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=4).digest(), "big")


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """States of the global generators a run may draw from, each (n,) uint8 on the CPU."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_generators(states: dict[str, Tensor], device: torch.device) -> None:
    """Restore the global generators to states that `generator_states` returned on such a device."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
