"""Affine maps in the semiring (max, +): decaying maxima, as exponential gates need."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Aggregator, ChunkDims
from seqzoo.spec import PartSpec
from seqzoo_psm.folding import fold_tokens

__all__ = ["MaxPlusAggregator", "MaxPlusMap"]


class MaxPlusMap(NamedTuple):
    """m -> max(m + shift, level), (..., D) each."""

    shift: Tensor
    level: Tensor


class MaxPlusAggregator(Aggregator):
    """m_t = max(m_{t-1} + log sigmoid(W_a x_t), W_b x_t), feature by feature.

    Associative: (a_2, b_2) after (a_1, b_1) is (a_1 + a_2, max(b_1 + a_2, b_2)). Tokens see one
    projected row.
    """

    name = "max_plus"
    associative: ClassVar[bool] = True

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.shift = nn.Linear(dims.width, dims.width)
        self.level = nn.Linear(dims.width, dims.width)
        self.initial = nn.Parameter(torch.zeros(dims.width))
        self.project = nn.Linear(dims.width, dims.width, bias=False)

    def start(self) -> MaxPlusMap:
        """No shift yet, and the maxima before the first token (D,)."""
        return MaxPlusMap(torch.zeros_like(self.initial), self.initial)

    def leaf(self, rows: Tensor) -> MaxPlusMap:
        """(B', C, D) -> the chunk's map."""
        tokens = MaxPlusMap(F.logsigmoid(self.shift(rows)), self.level(rows))
        return fold_tokens(self.forward, tokens)

    def forward(self, older: MaxPlusMap, newer: MaxPlusMap) -> MaxPlusMap:
        """Maps of (B', ...), the older first -> their composition."""
        level = torch.maximum(older.level + newer.shift, newer.level)
        return MaxPlusMap(older.shift + newer.shift, level)

    def read(self, summary: MaxPlusMap) -> Tensor:
        """The maxima, projected: (B', 1, D)."""
        return self.project(summary.level).unsqueeze(1)
