"""A_t z_t = r_t solved for every token at once, with the gradient of the solution.

A_t is symmetric and positive definite, and known only through its products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["conjugate_gradients", "corrected"]

Product = Callable[[Tensor], Tensor]
"""z (..., K) -> A z, of every token's own A."""


def conjugate_gradients(product: Product, r: Tensor, steps: int) -> Tensor:
    """z (..., K) with A z = r, from 0 in at most `steps` products; exact after K but for rounding.

    A vector whose residual is 0 stays as it is.
    """
    z, direction = torch.zeros_like(r), r
    size = r.square().sum(-1, keepdim=True)
    for _ in range(steps):
        image = product(direction)
        step = _ratio(size, (direction * image).sum(-1, keepdim=True))
        z, r = z + step * direction, r - step * image
        before, size = size, r.square().sum(-1, keepdim=True)
        direction = r + _ratio(size, before) * direction
    return z


def corrected(solution: Tensor, residual: Tensor, product: Product, steps: int) -> Tensor:
    """The solution with the gradient that it has by the implicit function theorem.

    Args:
        solution: z of A z = r, without a gradient.
        residual: r - A z, which is about 0, with gradients to r and to whatever A is made of.
        product: of A, without gradients.
        steps: of the solve in the backward pass, which gives A^-1 g for the gradient g.

    Raises:
        NotImplementedError: under a transform of torch.func.
    """
    try:
        found: Any = _Corrected.apply(solution, residual, product, steps)
    except RuntimeError as failure:
        if "functorch" not in str(failure):
            raise
        raise NotImplementedError(
            "conjugate gradients over a scan have no rule for torch.func: take the first "
            "derivative by backward() or torch.autograd.grad"
        ) from failure
    return found


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """above / below, and 0 where below is not above 0."""
    positive = below > 0
    return torch.where(positive, above / torch.where(positive, below, 1.0), 0.0)


class _Corrected(torch.autograd.Function):
    """z + A^-1 (r - A z) = z in the forward pass, whose slope in the residual is A^-1."""

    @staticmethod
    def forward(
        ctx: Any, solution: Tensor, residual: Tensor, product: Product, steps: int
    ) -> Tensor:
        """The solution as it is."""
        ctx.product, ctx.steps = product, steps
        return solution.clone()

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[None, Tensor, None, None]:
        """A is symmetric: A^-T g = A^-1 g."""
        if torch.is_grad_enabled():
            raise RuntimeError(
                "conjugate gradients over a scan have no second derivative; take the first alone"
            )
        return None, conjugate_gradients(ctx.product, gradient, ctx.steps), None, None
