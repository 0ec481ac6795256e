"""The memory of Titans: an MLP in a residual branch behind a norm."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

from seqzoo.errors import SpecError
from seqzoo.operators import Dims
from seqzoo.spec import PartSpec
from seqzoo_ttt.loss import InnerLoss, standardised, through_standardised
from seqzoo_ttt.memories.maps import Maps, Seen, Weights, applied
from seqzoo_ttt.memories.memory import Memory
from seqzoo_ttt.slope import gelu_slope

__all__ = ["ResidualMlpMemory"]

EPSILON = 1e-5


class ResidualMlpMemory(Memory):
    """z = k + s * LN(gelu(k W1) W2), the exact GELU, s a weight too (Titans, arXiv 2501.00663).

    As in a public implementation (titans-pytorch): no biases, Xavier's uniform initial weights, LN
    without parameters, s = 1 at first.
    """

    name = "residual_mlp"

    class Spec(PartSpec):
        """ratio: hidden features over those of a key."""

        ratio: PositiveInt = 4

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        if dims.key_size != dims.value_size:
            raise SpecError(
                f"memory '{self.name}' adds a key to what it makes of it, and keys and values have "
                f"{dims.key_size} and {dims.value_size} features: make them equal"
            )
        heads, size, hidden = dims.heads, dims.key_size, spec.ratio * dims.key_size
        for name, (before, after) in {"first": (size, hidden), "second": (hidden, size)}.items():
            bound = (6 / (before + after)) ** 0.5
            self.add_map(
                name, torch.empty(heads, before, after).uniform_(-bound, bound), bias=False
            )
        self.add_scale("scale", torch.ones(heads, size))

    def forward(self, maps: Maps, x: Tensor) -> Tensor:
        """x (B, H, c, K) -> (B, H, c, K)."""
        inner = maps["second"](F.gelu(maps["first"](x)))
        return x + maps["scale"](standardised(inner, EPSILON)[0])

    def gradients(
        self, weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
    ) -> dict[str, Seen]:
        """Back through scale, norm, second map, GELU."""
        first = applied(weights["first"], keys)
        hidden = F.gelu(first)
        inner = applied(weights["second"], hidden)
        normed, deviation = standardised(inner, EPSILON)
        z = keys + applied(weights["scale"], normed)
        of_z = loss.gradient(z, keys, values)
        of_normed = applied(weights["scale"], of_z)
        of_inner = through_standardised(of_normed, normed, deviation)
        of_hidden = of_inner @ weights["second"]["weight"].transpose(-1, -2)
        return {
            "first": Seen(keys, of_hidden * gelu_slope(first)),
            "second": Seen(hidden, of_inner),
            "scale": Seen(normed, of_z),
        }
