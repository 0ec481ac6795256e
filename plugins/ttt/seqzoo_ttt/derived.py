"""Gradients of tokens' losses where no closed form is given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["token_gradients"]


def token_gradients(
    losses: Callable[[list[Tensor]], Tensor], at: list[Tensor]
) -> tuple[Tensor, ...]:
    """Each token's gradient of its own loss.

    By autograd, since torch.func.grad refuses to run where activations are checkpointed. A compiled
    graph cannot hold a call of autograd: there it is torch.func's forward mode, feature by feature,
    which takes as many passes as there are features.

    Args:
        losses: tensors (..., c, features) -> losses (..., c); no token's loss sees another token.
        at: where the gradient is taken.
    """
    if torch.compiler.is_compiling():
        return tuple(_forward_mode(losses, at, number) for number in range(len(at)))
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        leaves = [x if x.requires_grad else x.detach().requires_grad_() for x in at]
        total = losses(leaves).sum()
        return torch.autograd.grad(total, leaves, create_graph=differentiable)


def _forward_mode(
    losses: Callable[[list[Tensor]], Tensor], at: list[Tensor], number: int
) -> Tensor:
    """The gradient by tensor `number`."""

    def of_one(x: Tensor) -> Tensor:
        return losses([*at[:number], x, *at[number + 1 :]])

    x = at[number]
    directions = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    slopes = [
        torch.func.jvp(of_one, (x,), (direction.expand_as(x),))[1]
        for direction in directions.unbind(0)
    ]
    return torch.stack(slopes, dim=-1)
