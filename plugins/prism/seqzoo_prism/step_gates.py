"""The strengths of refinement steps: one per step and head."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from seqzoo.operators import Dims, Strength
from seqzoo.spec import SpecModel

__all__ = ["GateSpec", "StepGates"]


class GateSpec(SpecModel):
    """How the strength of each step is made.

    Attributes:
        bias: whether there is b in W u + b.
        initial: every element of b before training; null is as torch draws it.
        squash: the steps whose strength goes through a sigmoid. A forget that erases with the
            first strength needs that of the first step.
    """

    bias: bool = False
    initial: float | None = None
    squash: Literal["none", "first", "all"] = "first"

    @model_validator(mode="after")
    def _initial_needs_a_bias(self) -> GateSpec:
        if self.initial is not None and not self.bias:
            raise PydanticCustomError(
                "no_bias",
                "initial {initial} is the bias before training, and there is none",
                {"initial": self.initial, "hint": "add bias: true"},
            )
        return self

    @property
    def strength(self) -> Strength:
        """The bound of the first step's strength."""
        return "unbounded" if self.squash == "none" else "at_most_one"


class StepGates(nn.Module):
    """beta^(l) = W_beta^(l) u + b^(l), or its sigmoid, for l = 1 ... L (PRISM, Eq. 11).

    Args:
        spec: how.
        dims: sizes of the mixer.
        depth: L.
    """

    def __init__(self, spec: GateSpec, dims: Dims, depth: int) -> None:
        super().__init__()
        self.shape = (depth, dims.heads)
        self.squashed = {"none": 0, "first": 1, "all": depth}[spec.squash]
        self.project = nn.Linear(dims.width, depth * dims.heads, bias=spec.bias)
        if spec.initial is not None:
            nn.init.constant_(self.project.bias, spec.initial)

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> beta (B, T, L, H)."""
        gates = self.project(u).unflatten(-1, self.shape)
        if self.squashed in (0, self.shape[0]):
            return gates.sigmoid() if self.squashed else gates
        squashed, free = gates.tensor_split([self.squashed], dim=2)
        return torch.cat([squashed.sigmoid(), free], dim=2)
