"""Checks of optimizers: they learn, obey hints, and resume from a checkpoint."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from seqzoo.operators import Hint
from seqzoo.testing.part import PartCase

__all__ = ["OPTIMIZER_CHECKS"]

STEPS = 30


class _Small(nn.Module):
    """A head behind one block, as models have them; one parameter is frozen."""

    hints: ClassVar = {"twice": Hint(lr=2.0)}

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.blocks = nn.ModuleList([nn.Linear(8, 8)])
        self.twice = nn.Parameter(torch.ones(8))
        self.frozen = nn.Parameter(torch.ones(8), requires_grad=False)
        self.last = nn.Linear(8, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.blocks[0](torch.tanh(self.first(x))))
        return self.last(hidden * self.twice * self.frozen)


def it_learns(case: PartCase) -> None:
    """Some steps lower a loss, and every parameter that takes gradients moves."""
    model = _model()
    optimizer = case.build().make(model)
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    losses = [_step(model, optimizer, index) for index in range(STEPS)]
    assert losses[-1] < losses[0], f"after {STEPS} steps a loss of {losses[0]:.4g} is {losses[-1]}"
    for name, parameter in model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved or not parameter.requires_grad, f"{name} does not move"
        assert parameter.requires_grad or not moved, f"{name} takes no gradient, and moves"


def groups_hold_every_parameter_once(case: PartCase) -> None:
    """Each parameter that takes gradients is in one group, which has a learning rate."""
    model = _model()
    groups = case.build().make(model).param_groups
    found = [id(each) for group in groups for each in group["params"]]
    wanted = [id(each) for each in model.parameters() if each.requires_grad]
    assert sorted(found) == sorted(wanted), "its groups do not hold every parameter once"
    assert all(group["lr"] > 0 for group in groups), "a group has no learning rate above 0"


def hints_are_heeded(case: PartCase) -> None:
    """A parameter whose hint says `lr: 2.0` has twice the rate that it would have without it."""
    rates = []
    for hint in (1.0, 2.0):
        model = _model()
        model.hints = {"twice": Hint(lr=hint)}  # pyright: ignore[reportAttributeAccessIssue]
        groups = case.build().make(model).param_groups
        rates += [
            group["lr"] for group in groups if any(each is model.twice for each in group["params"])
        ]
    assert rates[1:] == [2 * rates[0]], f"with a hint of 2.0 a rate of {rates[0]} is {rates[1:]}"


def it_goes_on_from_a_checkpoint(case: PartCase) -> None:
    """Its state consists of tensors and numbers; a new one that loads it takes the same next
    steps."""
    model = _model()
    optimizer = case.build().make(model)
    for index in range(3):
        _step(model, optimizer, index)
    for leaf in pytree.tree_leaves(dict(optimizer.state)):
        assert isinstance(leaf, Tensor | int | float | bool | None), (
            f"its state holds a {type(leaf).__name__}, which a checkpoint does not keep"
        )
    other = copy.deepcopy(model)
    again = case.build().make(other)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for index in range(3, 6):
        _step(model, optimizer, index)
        _step(other, again, index)
    for (name, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs), f"after loading, {name} continues differently"


OPTIMIZER_CHECKS = (
    it_learns,
    groups_hold_every_parameter_once,
    hints_are_heeded,
    it_goes_on_from_a_checkpoint,
)


def _model() -> _Small:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _Small()


def _step(model: nn.Module, optimizer: Any, index: int) -> float:
    """One step on a fixed regression."""
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
    target = torch.stack([x[:, 0] * x[:, 1], x[:, 2].sin(), x[:, 3:].sum(1)], dim=1)
    optimizer.zero_grad(set_to_none=True)
    loss = (model(x) - target).square().mean()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
