"""The feature map of Based: exp to the second order."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.operators import LinearProjection, Place, Stream
from seqzoo.scan import Writes

__all__ = ["TaylorProjection", "taylor_size"]


def taylor_size(features: int) -> int:
    """1 + d + d (d + 1) / 2: the size of the map of d features."""
    return 1 + features + features * (features + 1) // 2


class TaylorProjection(LinearProjection):
    """phi(x) of d features x, phi(q)^T phi(k) = 1 + s + s^2 / 2 with s = q^T k / sqrt(d).

    phi(x) = [1, x_i / d^(1/4), x_i x_j / sqrt(d) for i < j, x_i^2 / sqrt(2 d)] (Based, arXiv
    2402.18668). The key size has to be 1 + d + d (d + 1) / 2; with scale 1 nothing else is scaled.
    """

    name = "taylor2"

    class Spec(LinearProjection.Spec):
        """How x is made of u."""

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        features = (math.isqrt(8 * size + 1) - 3) // 2
        if features < 1 or taylor_size(features) != size:
            near = ", ".join(str(taylor_size(max(1, features) + more)) for more in (0, 1))
            raise SpecError(
                f"projection '{self.name}' makes 1 + d + d (d + 1) / 2 features of d, and {size} "
                f"is no such number; give a key_size such as {near}, or 153 of 16 features"
            )
        super().__init__(spec, place, heads, features)
        first, second = torch.triu_indices(features, features, 1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.first: Tensor
        self.second: Tensor

    @classmethod
    def is_unit(cls, spec: Any) -> bool:
        """Its first feature is 1 already."""
        return False

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads, 1 + d + d (d + 1) / 2)."""
        x = super().forward(u, stream, writes)
        x = x * x.shape[-1] ** -0.25
        products = x[..., self.first] * x[..., self.second]
        squares = x.square() * 0.5**0.5
        return torch.cat([torch.ones_like(x[..., :1]), x, products, squares], dim=-1)
