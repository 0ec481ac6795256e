"""Backward functions without a backward of their own: autograd sees them, and they refuse.

`torch.autograd.function.once_differentiable` checks only the incoming gradients. With a constant
incoming gradient, or with nested torch.func transforms, every second derivative would silently be
lost. Here the tensors that a backward reads are its arguments, so autograd knows what its result
depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from seqzoo.scan.ops.refusals import (
    refuse_elementwise_forward_mode,
    refuse_elementwise_second_derivative,
    refuse_elementwise_vmap,
    refuse_forward_mode,
    refuse_second_derivative,
    refuse_vmap,
)

__all__ = ["ElementwiseGradients", "ScanGradients"]


class _Once(torch.autograd.Function):
    """`apply(function, *tensors)` is `function(*tensors)`: gradients, None where there is none."""

    @classmethod
    def apply(cls, *arguments: Any) -> Any:
        """A plain call in the common case: a backward from whose results nothing is derived."""
        derived = torch.is_grad_enabled() or forward_ad._current_level >= 0
        if derived or torch._C._are_functorch_transforms_active():
            return super().apply(*arguments)
        function, *tensors = arguments
        return function(*tensors)

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        function: Callable[..., tuple[Tensor | None, ...]], *tensors: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        return function(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Nothing is kept: there is no backward."""


class ScanGradients(_Once):
    """Of a scan."""

    backward = staticmethod(refuse_second_derivative)  # pyright: ignore[reportAssignmentType]
    jvp = staticmethod(refuse_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_vmap)  # pyright: ignore[reportAssignmentType]


class ElementwiseGradients(_Once):
    """Of an element-wise scan."""

    backward = staticmethod(refuse_elementwise_second_derivative)  # pyright: ignore[reportAssignmentType]
    jvp = staticmethod(refuse_elementwise_forward_mode)  # pyright: ignore[reportAssignmentType]
    vmap = staticmethod(refuse_elementwise_vmap)  # pyright: ignore[reportAssignmentType]
