"""A causal depthwise convolution that carries its last inputs."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqzoo.operators.operator import State
from seqzoo.operators.packing import document_of_tokens

__all__ = ["ShortConv"]


class ShortConv(nn.Module):
    """y_t = sum_{j<kernel} w_j * x_{t-j}, channel by channel; before the first token x is 0."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(kernel_size)
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size).uniform_(-bound, bound))

    def initial_state(self, like: Tensor) -> State:
        """The last kernel_size - 1 inputs: zeros (B, kernel_size - 1, channels)."""
        channels, _, kernel_size = self.weight.shape
        return like.new_zeros(like.shape[0], kernel_size - 1, channels)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (B, T, channels), state -> y (B, T, channels), state."""
        seen = torch.cat([state.to(x.dtype), x], dim=1)
        return _shifted_sum(seen, self.weight), seen[:, x.shape[1] :]

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, channels) -> y (1, T, channels); before each document's first token x is 0.

        The documents are moved apart by kernel_size - 1 zeros, so that no sum reaches another.
        """
        gap = self.weight.shape[2] - 1
        document = document_of_tokens(cu_seqlens, x)
        place = torch.arange(x.shape[1], device=x.device) + document * gap
        apart = x.new_zeros(1, x.shape[1] + gap * (len(cu_seqlens) - 1), x.shape[2])
        y = _shifted_sum(apart.index_copy(1, place + gap, x), self.weight)
        return y.index_select(1, place)


def _shifted_sum(seen: Tensor, weight: Tensor) -> Tensor:
    """seen (B, T + kernel - 1, channels), weight (channels, 1, kernel) -> y (B, T, channels).

    A compiler is handed the plain sum, which it fuses by itself, forward and backward.
    """
    if not torch.compiler.is_compiling():
        y: Any = _ShiftedSum.apply(seen, weight)
        return y
    kernel_size = weight.shape[2]
    taps = weight[:, 0].t().to(seen.dtype)
    length = seen.shape[1] - kernel_size + 1
    y = seen[:, :length] * taps[0]
    for j in range(1, kernel_size):
        y = y + seen[:, j : j + length] * taps[j]
    return y


class _ShiftedSum(torch.autograd.Function):
    """y_t = sum_j taps_j * seen_{t+j}, in place over the taps.

    A few taps over channels that lie side by side: on a CPU this takes half the time of conv1d and
    its two transposes. Differentiable once.
    """

    @staticmethod
    def forward(ctx: Any, seen: Tensor, weight: Tensor) -> Tensor:
        """seen (B, T + kernel - 1, channels), weight (channels, 1, kernel) -> (B, T, channels)."""
        taps = weight[:, 0].t().to(seen.dtype).contiguous()
        length = seen.shape[1] - len(taps) + 1
        y = seen[:, :length] * taps[0]
        for j in range(1, len(taps)):
            y.addcmul_(seen[:, j : j + length], taps[j])
        ctx.save_for_backward(seen, taps)
        return y

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of seen and weight."""
        seen, taps = ctx.saved_tensors
        length = gradient.shape[1]
        seen_gradient, taps_gradient = torch.zeros_like(seen), torch.empty_like(taps)
        for j in range(len(taps)):
            seen_gradient[:, j : j + length].addcmul_(gradient, taps[j])
            taps_gradient[j] = (seen[:, j : j + length] * gradient).sum(dim=(0, 1))
        return seen_gradient, taps_gradient.t().unsqueeze(1)
