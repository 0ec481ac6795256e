"""An MLP of means: of the earlier chunks, and of the chunk up to the token."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.operators.hidden_layer import HiddenLayer, HiddenLayerSpec
from seqzoo.operators.inferences.inference import Inference, places_from
from seqzoo.operators.place import ChunkDims

__all__ = ["MlpInference"]


class Means(NamedTuple):
    """The mean of the prefix's rows and the sum of the chunk's so far, (B', D) each."""

    prefix: Tensor
    total: Tensor


class MlpInference(Inference):
    """y_t = W_2 act(W_1 [p; m_t; x_t]), p the prefix's mean row, m_t the mean of the chunk to t."""

    name = "mlp"

    class Spec(HiddenLayerSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.mlp = HiddenLayer(spec, 3 * dims.width, dims.width)

    def open(self, prefix: Tensor) -> Means:
        """(B', M, D) -> its mean row, with no tokens yet."""
        mean = prefix.mean(1)
        return Means(mean, torch.zeros_like(mean))

    def forward(self, rows: Tensor, opened: Means, place: int | Tensor) -> tuple[Tensor, Means]:
        """rows (B', h, D) -> (B', h, D)."""
        sums = opened.total.unsqueeze(1) + rows.cumsum(1)
        means = sums / (places_from(place, rows) + 1).unsqueeze(-1)
        prefix = opened.prefix.unsqueeze(1).expand_as(rows)
        return self.mlp(torch.cat((prefix, means, rows), -1)), Means(opened.prefix, sums[:, -1])
