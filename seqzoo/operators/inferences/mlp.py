"""An MLP of means: what the chunks before left, and the chunk up to the token."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators.activations import Activation
from seqzoo.operators.inferences.inference import Inference
from seqzoo.operators.place import ChunkDims
from seqzoo.spec import PartSpec, slot

__all__ = ["MlpInference"]


class Means(NamedTuple):
    """The mean of the prefix's rows and the sum of the chunk's so far, (B', D) each."""

    prefix: Tensor
    total: Tensor


class MlpInference(Inference):
    """y_t = W_2 act(W_1 [p; m_t; x_t]), p the prefix's mean row, m_t the mean of the chunk to t."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

        ratio: float = Field(default=2.0, gt=0.0)
        activation: PartSpec = slot("activation", "gelu")

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        hidden = max(1, round(spec.ratio * dims.width))
        self.up = nn.Linear(3 * dims.width, hidden)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, dims.width)

    def open(self, prefix: Tensor) -> Means:
        """(B', M, D) -> its mean row, and no tokens yet."""
        mean = prefix.mean(1)
        return Means(mean, torch.zeros_like(mean))

    def forward(self, rows: Tensor, opened: Means, place: int) -> tuple[Tensor, Means]:
        """rows (B', h, D) -> (B', h, D)."""
        sums = opened.total.unsqueeze(1) + rows.cumsum(1)
        count = torch.arange(place + 1, place + rows.shape[1] + 1, device=rows.device)
        means = sums / count.unsqueeze(-1)
        prefix = opened.prefix.unsqueeze(1).expand_as(rows)
        y = self.down(self.activation(self.up(torch.cat((prefix, means, rows), -1))))
        return y, Means(opened.prefix, sums[:, -1])
