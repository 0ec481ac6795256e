"""Optimizers: parts that make a torch optimizer for a model. Here: the family, and AdamW."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from seqzoo.spec import Part, PartSpec
from seqzoo.train.groups import Group, parameter_groups

__all__ = ["AdamW", "Beta", "Decay", "Eps", "Optimizer", "Rate", "adamw"]

Beta = Annotated[float, Field(ge=0, lt=1)]
# Weights are float32, whose normal numbers lie between 1.2e-38 and 3.4e38: a smaller eps counts as
# 0, and a larger factor as infinity.
Eps = Annotated[float, Field(ge=1.2e-38, le=1e30)]
Rate = Annotated[float, Field(gt=0, le=1e30)]
Decay = Annotated[float, Field(ge=0, le=1e30)]


class Optimizer(Part, ABC, family="optimizer"):
    """Updates the weights by their gradients.

    The loop multiplies each group's `lr` by the schedule's factor before every step, so the groups
    hold the full learning rate when they are made. All state must be tensors in the optimizer's
    `state`, which is what checkpoints save.
    """

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec

    @abstractmethod
    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        """The torch optimizer over the parameters of `model` that take gradients."""


class AdamW(Optimizer):
    """Adam with decoupled weight decay; `seqzoo.train.groups` says which parameters are decayed.

    The fused implementation is used where torch has one.
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

        lr: Rate = 1e-3
        weight_decay: Decay = 0.0
        betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), strict=False)
        eps: Eps = 1e-8

    spec: Spec

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        """AdamW with one group for each treatment that the layers' hints ask for."""
        spec = self.spec
        groups = parameter_groups(model)
        return adamw(groups, spec.lr, spec.weight_decay, spec.betas, spec.eps)


def adamw(
    groups: list[Group], lr: float, weight_decay: float, betas: tuple[float, float], eps: float
) -> torch.optim.AdamW:
    """torch's AdamW over groups of parameters, each with its weight decay and learning rate."""
    every = [parameter for group in groups for parameter in group.parameters]
    fused = all(parameter.device.type in ("cpu", "cuda", "mps") for parameter in every)
    settings = [
        {
            "params": list(group.parameters),
            "lr": lr * group.lr,
            "weight_decay": weight_decay if group.decay else 0.0,
        }
        for group in groups
    ]
    return torch.optim.AdamW(settings, lr=lr, betas=betas, eps=eps, fused=fused)
