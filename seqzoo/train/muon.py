"""Muon on the hidden matrices, AdamW on everything else."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import nn

from seqzoo.errors import SpecError
from seqzoo.spec import PartSpec
from seqzoo.train.groups import Group, parameter_groups
from seqzoo.train.optimizer import Beta, Decay, Eps, Optimizer, Rate, adamw

__all__ = ["Muon"]


class Muon(Optimizer):
    """Orthogonalised momentum for the matrices of the blocks, AdamW for all other parameters.

    A matrix is a two-dimensional parameter of a block that takes weight decay: not the embedding,
    the head or a convolution. Steps are scaled to the size of AdamW's (0.2 sqrt(max(rows,
    columns))), so that one learning rate serves both.
    """

    name = "muon"

    class Spec(PartSpec):
        """Settings of `muon`.

        Attributes:
            lr: learning rate after warm-up, for both.
            weight_decay: share of a matrix taken off at each step, times the learning rate.
            momentum: decay of the running mean of a matrix's gradient.
            nesterov: use Nesterov momentum.
            iterations: Newton-Schulz iterations for each update.
            betas: AdamW's, for the rest.
            eps: AdamW's, for the rest.
        """

        lr: Rate = 1e-3
        weight_decay: Decay = 0.0
        momentum: Beta = 0.95
        nesterov: bool = True
        iterations: int = Field(default=5, ge=1, le=99)  # torch takes fewer than 100
        betas: tuple[Beta, Beta] = Field(default=(0.9, 0.95), strict=False)
        eps: Eps = 1e-8

    spec: Spec

    def make(self, model: nn.Module) -> torch.optim.Optimizer:
        """Muon and AdamW as one optimizer.

        Raises:
            SpecError: this torch has no Muon, or the model has no matrix for it.
        """
        kind: Any = getattr(torch.optim, "Muon", None)
        if kind is None:
            raise SpecError(
                f"train.optimizer: muon is torch.optim.Muon, which torch {torch.__version__} does "
                "not have; install a newer torch, or write type: adamw"
            )
        spec = self.spec
        inner = getattr(model, "blocks", None)
        hidden = set(map(id, inner.parameters())) if isinstance(inner, nn.Module) else set()
        matrices, rest = _apart(parameter_groups(model), hidden)
        if not matrices:
            raise SpecError(
                "train.optimizer: the model's blocks have no matrix that muon could train"
            )
        return Joint(
            kind(
                [{"params": list(g.parameters), "lr": spec.lr * g.lr} for g in matrices],
                lr=spec.lr,
                weight_decay=spec.weight_decay,
                momentum=spec.momentum,
                nesterov=spec.nesterov,
                ns_steps=spec.iterations,
                adjust_lr_fn="match_rms_adamw",
            ),
            adamw(rest, spec.lr, spec.weight_decay, spec.betas, spec.eps),
        )


def _apart(groups: list[Group], hidden: set[int]) -> tuple[list[Group], list[Group]]:
    """The groups of hidden matrices, and the groups of everything else."""
    matrices, rest = [], []
    for group in groups:
        chosen = [
            group.decay and each.ndim == 2 and id(each) in hidden for each in group.parameters
        ]
        for wanted, into in ((True, matrices), (False, rest)):
            pairs = [
                pair
                for pair, mine in zip(
                    zip(group.names, group.parameters, strict=True), chosen, strict=True
                )
                if mine == wanted
            ]
            if pairs:
                names, parameters = zip(*pairs, strict=True)
                into.append(Group(group.decay, group.lr, names, parameters))
    return matrices, rest


class Joint(torch.optim.Optimizer):
    """Several optimizers over different parameters, as one: all their groups, one state."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Step each of them; closures are not supported."""
        assert closure is None
        for part in self.parts:
            part.step()

    def load_state_dict(self, state_dict: Any) -> None:
        """As for any optimizer; the parts share what was loaded."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Have the parts use this optimizer's groups and state."""
        first = 0
        for part in self.parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last
