"""The linear memory."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.operators import Dims
from seqzoo.spec import PartSpec
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories.maps import Maps, Seen, Weights, applied
from seqzoo_ttt.memories.memory import INITIAL_DEVIATION, Memory

__all__ = ["LinearMemory"]


class LinearMemory(Memory):
    """z = k W + b (TTT-Linear, arXiv 2407.04620)."""

    name = "linear"

    class Spec(PartSpec):
        """bias: whether there is b."""

        bias: bool = True

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        weight = INITIAL_DEVIATION * torch.randn(dims.heads, dims.key_size, dims.value_size)
        self.add_map("only", weight, bias=spec.bias)

    def forward(self, maps: Maps, x: Tensor) -> Tensor:
        """x (B, H, c, K) -> (B, H, c, V)."""
        return maps["only"](x)

    def gradients(
        self, weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
    ) -> dict[str, Seen]:
        """The loss's own gradient, at k."""
        z = applied(weights["only"], keys)
        return {"only": Seen(keys, loss.gradient(z, keys, values))}
