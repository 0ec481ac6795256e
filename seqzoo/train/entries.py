"""What a checkpoint must hold: every entry by name, with its shape and dtype."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqzoo.errors import RunError

__all__ = [
    "Entry",
    "compare",
    "entries_of",
    "misfit",
    "next_step",
    "optimizer_entries",
    "optimizer_tensors",
]


class Entry(NamedTuple):
    """The shape and dtype of a tensor in a file."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.shape} {str(self.dtype).removeprefix('torch.')}"


def entries_of(tensors: Mapping[str, Tensor]) -> dict[str, Entry]:
    """The entry of each tensor."""
    return {name: Entry(tuple(each.shape), each.dtype) for name, each in tensors.items()}


def compare(
    path: Path,
    found: Mapping[str, Entry],
    wanted: Mapping[str, Entry],
    absent: frozenset[str] = frozenset(),
) -> None:
    """Check that a file has exactly the entries that are wanted.

    Args:
        path: the file, for messages.
        found: its entries.
        wanted: what training resumes from.
        absent: wanted entries that may be missing.

    Raises:
        RunError: an entry is missing, of another shape or dtype, or unknown; the message says what
            was found and what is wanted.
    """
    for name, entry in wanted.items():
        if name not in found and name not in absent:
            raise misfit(path, f"it lacks tensor '{name}' {entry}")
        if name in found and found[name] != entry:
            raise misfit(path, f"tensor '{name}' is {found[name]} there and {entry} here")
    for name, entry in found.items():
        if name not in wanted:
            raise misfit(path, f"the model has no tensor '{name}' {entry}")


def misfit(path: Path, what: str) -> RunError:
    """The error for a file that is undamaged but belongs to another model."""
    return RunError(
        f"{path} is not of this model: {what}; use the spec (and the version of seqzoo and its "
        "plugins) that it was saved with, or another --out"
    )


def next_step(folder: Path) -> str:
    """The end of a message about a damaged checkpoint: what to do."""
    return (
        f"delete {folder} and run the same command again: it resumes from an earlier checkpoint, "
        "or from the start if there is none"
    )


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as `<state>/<parameter>`, contiguous."""
    return {
        f"{key}/{name}": value.detach().contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def optimizer_entries(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Entry]:
    """The entries of an optimizer's state once every parameter had a gradient.

    Found by a step with gradients of 0, which changes weights and state: load both afterwards.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return entries_of(optimizer_tensors(model, optimizer))
