"""One phase of a mixer's work as a function to time: training, prefill or decode."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.bench.calls import Call, recorded_calls
from seqzoo.errors import SpecError
from seqzoo.model import Mixer
from seqzoo.scan.used import Used, watching

__all__ = ["Phase", "Prepared", "Setting", "prepare"]


class Phase(StrEnum):
    """The phases that can be timed."""

    TRAINING = "training"  # forward and backward
    PREFILL = "prefill"  # a whole sequence without gradients, and the state after it
    DECODE = "decode"  # one token from the state after a sequence


@dataclass(frozen=True)
class Setting:
    """The settings shared by all mixers of a run.

    Attributes:
        batch: B, sequences.
        device: where.
        precision: float32, bfloat16 or float16; a half type is by autocast.
    """

    batch: int
    device: torch.device
    precision: str

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of every call."""
        half = self.precision != "float32"
        dtype = getattr(torch, self.precision) if half else torch.bfloat16
        return torch.autocast(self.device.type, dtype, enabled=half)


@dataclass(frozen=True)
class Prepared:
    """A phase ready to be timed.

    Attributes:
        whole: the call of the mixer itself.
        scan: the scans it makes, alone; None if it makes none that is known.
        projections: the products with matrices that it makes, alone.
        used: the backends that computed.
        state_bytes: of the state one sequence carries after them; None if it carries none.
    """

    whole: Callable[[], Any]
    scan: Callable[[], Any] | None
    projections: Callable[[], Any]
    used: tuple[Used, ...]
    state_bytes: int | None


def prepare(mixer: Mixer, phase: Phase, length: int, setting: Setting) -> Prepared:
    """Make the inputs, run the phase once, and record its calls.

    Raises:
        SpecError: the mixer carries no state, and `phase` is `DECODE`.
    """
    whole = function_of(mixer, phase, length, setting)
    with watching() as used, recorded_calls(mixer) as calls:
        returned = whole()
    state = None if phase is Phase.TRAINING else returned[1]
    trained = phase is Phase.TRAINING
    return Prepared(
        whole,
        _all_again(calls.scans, trained, setting) if calls.scans else None,
        _all_again(calls.projections, trained, setting),
        tuple(used),
        None if state is None or not mixer.streams else _bytes(state) // setting.batch,
    )


def function_of(mixer: Mixer, phase: Phase, length: int, setting: Setting) -> Callable[[], Any]:
    """The function to time: it returns gradients in training, else outputs and state."""
    if phase is Phase.DECODE and not mixer.streams:
        raise SpecError(f"mixer '{mixer.name}' carries no state, so it cannot decode")
    generator = torch.Generator().manual_seed(1)
    shape = (setting.batch, length, mixer.place.width)
    x = torch.randn(shape, generator=generator).to(setting.device)
    if phase is Phase.TRAINING:
        return _training(mixer.train(), x, setting)
    mixer.eval()

    def prefill() -> Any:
        with torch.no_grad(), setting.autocast():
            return mixer(x)

    if phase is Phase.PREFILL:
        return prefill
    state = prefill()[1]
    token = x[:, -1].clone()

    def decode() -> Any:
        with torch.no_grad(), setting.autocast():
            return mixer.step(token, state)

    return decode


def _training(mixer: Mixer, x: Tensor, setting: Setting) -> Callable[[], Any]:
    leaves = [x.requires_grad_(), *(each for each in mixer.parameters() if each.requires_grad)]

    def train() -> tuple[Tensor | None, ...]:
        with setting.autocast():
            y, _ = mixer(x)
        return torch.autograd.grad(y, leaves, torch.ones_like(y), allow_unused=True)

    return train


def _all_again(calls: list[Call], trained: bool, setting: Setting) -> Callable[[], Any]:
    functions = [call.again(trained) for call in calls]

    def run() -> None:
        with torch.set_grad_enabled(trained), setting.autocast():
            for function in functions:
                function()

    return run


def _bytes(state: Any) -> int:
    return sum(leaf.nbytes for leaf in pytree.tree_leaves(state) if isinstance(leaf, Tensor))
