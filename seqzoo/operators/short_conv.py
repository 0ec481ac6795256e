"""A causal depthwise convolution that carries its last inputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.operator import State

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
        if x.shape[1] == 0:  # conv1d takes no inputs shorter than its kernel
            return x, state
        channels, _, kernel_size = self.weight.shape
        seen = torch.cat([state.to(x.dtype), x], dim=1)
        y = F.conv1d(seen.transpose(1, 2), self.weight, groups=channels).transpose(1, 2)
        return y, seen[:, seen.shape[1] - (kernel_size - 1) :]
