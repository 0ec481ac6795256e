"""The aggregator of Transformer-PSM: attention over two chunks, of which the right half is kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.operators import ChunkDims, RowAggregator
from seqzoo_psm.transformer import StackSpec, layers_of, stack

__all__ = ["SoftmaxAggregator"]


class SoftmaxAggregator(RowAggregator):
    """RH(Transformer([older | newer])): 2 C rows in, the last C kept (arXiv 2506.10918).

    Every row sees all 2 C rows; with `causal` only those up to itself. The same layers serve all
    levels of the tree and both sweeps.
    """

    name = "softmax"

    class Spec(StackSpec):
        """A stack of Transformer layers.

        layers: their number.
        heads: null is one for every 64 features of the width.
        ratio: hidden features of each MLP, in widths.
        causal: a row sees the rows before it and itself only, as in the authors' code.
        marks: add a learned vector to the older half and another to the newer.
        """

        causal: bool = False
        marks: bool = False

    def __init__(self, spec: Spec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.causal = spec.causal
        self.layers = stack(spec, dims.place, self)
        self.marks = nn.Parameter(0.02 * torch.randn(2, 1, dims.width)) if spec.marks else None
        self.norm = nn.LayerNorm(dims.width)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """(B', C, D) and (B', C, D) -> (B', C, D)."""
        if self.marks is not None:
            older, newer = older + self.marks[0], newer + self.marks[1]
        rows, half = torch.cat((older, newer), 1), newer.shape[1]
        mask = torch.ones(2 * half, 2 * half, dtype=torch.bool, device=rows.device).tril()
        for number, layer in enumerate(layers_of(self.layers), start=1):
            keys, values = layer.keys_values(rows)
            if number == len(self.layers):  # of the last layer nothing else is kept
                rows, mask = rows[:, half:], mask[half:]
            rows = layer(rows, keys, values, mask if self.causal else None)
        return self.norm(rows)
