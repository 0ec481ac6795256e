"""Optimizers: parts that make a torch optimizer for a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from seqzoo.spec import Part, PartSpec

__all__ = ["AdamW", "Optimizer"]

Beta = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Part, ABC, family="optimizer"):
    """A way to change weights by their gradients.

    The loop multiplies each group's `lr` by the schedule's factor before every step, so the groups
    hold the full learning rate when they are made. All state must be tensors in the optimizer's
    `state`, which is how it comes into checkpoints.
    """

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec

    @abstractmethod
    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        """The torch optimizer over the parameters of `model` that take gradients."""


class AdamW(Optimizer):
    """Adam with decoupled weight decay on matrices.

    As is common, parameters with fewer than two dimensions (biases, norm gains, one number a head)
    are not decayed; everything else is, embeddings too. The fused implementation is used where
    torch has one.
    """

    name = "adamw"

    class Spec(PartSpec):
        """Settings of `adamw`.

        Attributes:
            lr: learning rate after warm-up.
            weight_decay: share of a matrix taken off at each step, times the learning rate.
            betas: decay of the running means of gradient and squared gradient.
            eps: added to the root of the latter.
        """

        lr: float = Field(default=1e-3, gt=0)
        weight_decay: float = Field(default=0.0, ge=0)
        betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), strict=False)
        eps: float = Field(default=1e-8, gt=0)

    spec: Spec

    def make(self, model: nn.Module) -> torch.optim.AdamW:
        """AdamW over two groups: matrices, and the rest without decay."""
        spec = self.spec
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        matrices = [parameter for parameter in trained if parameter.ndim >= 2]
        others = [parameter for parameter in trained if parameter.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": spec.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        fused = all(parameter.device.type in ("cpu", "cuda", "mps") for parameter in trained)
        return torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=spec.lr,
            betas=spec.betas,
            eps=spec.eps,
            fused=fused,
        )
