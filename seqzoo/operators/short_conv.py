"""A causal depthwise convolution that carries its last inputs."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from seqzoo.operators.documents import document_of_tokens
from seqzoo.operators.stream import Carrier, Stream

__all__ = ["ShortConv"]


class ShortConv(Carrier):
    """y_t = sum_{j<kernel} w_j * x_{t-j} + b, channel by channel; before the first token x is 0.

    Args:
        channels: features a token.
        kernel_size: tokens seen, the current one included.
        bias: whether there is b.
    """

    def __init__(self, channels: int, kernel_size: int, *, bias: bool = False) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(kernel_size)
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, channels) -> y (B, T, channels)."""
        channels, _, kernel_size = self.weight.shape
        gap = kernel_size - 1
        if gap == 0:
            y = x * self.weight[:, 0, 0].to(x.dtype)
        else:
            past = stream.past(self, "inputs", lambda: stream.zeros(x, gap, channels)).to(x.dtype)
            if stream.cu_seqlens is None:
                seen = torch.cat([past, x], dim=1)
                stream.keep(self, "inputs", seen[:, x.shape[1] :])
                y = _shifted_sum(seen, self.weight)
            else:
                y = self._documents(x, past, stream, stream.cu_seqlens)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def _documents(self, x: Tensor, past: Tensor, stream: Stream, cu_seqlens: Tensor) -> Tensor:
        """The documents of x (1, T, channels), separated by the inputs that came before each.

        Each row of `past` (N, kernel_size - 1, channels) stands before its document, so that no sum
        reaches another document.
        """
        gap = past.shape[1]
        document = document_of_tokens(cu_seqlens, x)
        token_at = torch.arange(x.shape[1], device=x.device) + (document + 1) * gap
        offsets = torch.arange(gap, device=x.device)
        starts = cu_seqlens.to(x.device) + torch.arange(len(cu_seqlens), device=x.device) * gap
        past_at = (starts[:-1].unsqueeze(1) + offsets).flatten()
        length = x.shape[1] + gap * (len(cu_seqlens) - 1)
        seen = x.new_zeros(1, length, x.shape[2]).index_copy(1, token_at, x)
        seen = seen.index_copy(1, past_at, past.flatten(0, 1).unsqueeze(0))
        last_at = (starts[1:].unsqueeze(1) - gap + offsets).flatten()
        stream.keep(self, "inputs", seen[0].index_select(0, last_at).unflatten(0, past.shape[:2]))
        return _shifted_sum(seen, self.weight).index_select(1, token_at - gap)


def _shifted_sum(seen: Tensor, weight: Tensor) -> Tensor:
    """seen (B, T + kernel - 1, channels), weight (channels, 1, kernel) -> y (B, T, channels).

    torch.compile gets the plain sum, which it fuses forward and backward; so do the transforms of
    torch.func.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return _plain_sum(seen, weight)
    y: Any = _ShiftedSum.apply(seen, weight)
    return y


def _plain_sum(seen: Tensor, weight: Tensor) -> Tensor:
    """y_t = sum_j weight_j * seen_{t+j}, out of place: differentiable any number of times."""
    taps = weight[:, 0].t().to(seen.dtype)
    length = seen.shape[1] - weight.shape[2] + 1
    y = seen[:, :length] * taps[0]
    for j in range(1, weight.shape[2]):
        y = y + seen[:, j : j + length] * taps[j]
    return y


class _ShiftedSum(torch.autograd.Function):
    """`_plain_sum`, in place over the taps unless a second derivative is wanted.

    With few taps over contiguous channels, this takes half the time of conv1d and its two
    transposes on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, seen: Tensor, weight: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """seen (B, T + kernel - 1, channels), weight (channels, 1, kernel) -> (B, T, channels)."""
        ctx.save_for_backward(seen, weight)
        ctx.save_for_forward(seen, weight)
        first, *taps = weight[:, 0].t().to(seen.dtype).contiguous().unbind()
        length = seen.shape[1] - len(taps)
        y = seen[:, :length] * first
        for j, tap in enumerate(taps, 1):
            y.addcmul_(seen[:, j : j + length], tap)
        return y

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of seen and weight, which can be differentiated again."""
        seen, weight = ctx.saved_tensors
        kernel_size, length = weight.shape[2], gradient.shape[1]
        ones = gradient.new_ones(gradient.shape[0] * length)  # sums as products: quicker on a CPU
        products = (seen[:, j : j + length] * gradient for j in range(kernel_size))
        of_taps = [ones @ product.flatten(0, 1) for product in products]
        of_weight = torch.stack(of_taps, dim=1).unsqueeze(1).to(weight.dtype)
        if torch.is_grad_enabled():
            apart = torch.nn.functional.pad(gradient, (0, 0, kernel_size - 1, kernel_size - 1))
            return _plain_sum(apart, weight.flip(2)), of_weight
        first, *taps = weight[:, 0].t().to(seen.dtype).contiguous().unbind()
        of_seen = gradient.new_empty(seen.shape)
        of_seen[:, length:].zero_()
        torch.mul(gradient, first, out=of_seen[:, :length])
        for j, tap in enumerate(taps, 1):
            of_seen[:, j : j + length].addcmul_(gradient, tap)
        return of_seen, of_weight

    @staticmethod
    def jvp(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, of_seen: Tensor | None, of_weight: Tensor | None
    ) -> Tensor:
        """The sum is linear in either input."""
        seen, weight = ctx.saved_tensors
        if of_seen is None or of_weight is None:
            moved, still = (seen, of_weight) if of_seen is None else (of_seen, weight)
            return _plain_sum(moved, cast("Tensor", still))
        return _plain_sum(of_seen, weight) + _plain_sum(seen, of_weight)
