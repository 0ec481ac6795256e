"""What the dual form of TTT-Linear takes and gives."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["Found", "Given"]


class Given(NamedTuple):
    """What goes in; the gradients of these come out in the same form.

    N sequences of a batch, N = B, or packed along time, with B = 1. Keys and values have one size.

    Attributes:
        queries, keys: (B, T, H, K), turned by their places.
        values: (B, T, H, K).
        rates: eta of each token, (B, T, H).
        factors: c of each place in a mini-batch, (b,).
        scale, shift: of each head's layer norm, (H, K).
        weight, bias: before the first token, (N, H, K, K) and (N, H, K).
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    rates: Tensor
    factors: Tensor
    scale: Tensor
    shift: Tensor
    weight: Tensor
    bias: Tensor


class Found(NamedTuple):
    """What comes out.

    Attributes:
        reads: (B, T, H, K).
        weight, bias: after the last whole mini-batch, (N, H, K, K) and (N, H, K).
        weight_sum, bias_sum: the sums of eta_j grad_j over a last mini-batch that is not whole,
            of the same shapes; 0 where there is none.
    """

    reads: Tensor
    weight: Tensor
    bias: Tensor
    weight_sum: Tensor
    bias_sum: Tensor
