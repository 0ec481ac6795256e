"""The aggregator family: the operation of a prefix scan, associative or not.

Source: prefix-scannable models, arXiv 2506.10918.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import ChunkDims
from seqzoo.spec import PartSpec

__all__ = ["Aggregator", "RowAggregator"]

Summary = Any
"""A pytree of (B', ...) that summarises some neighbouring chunks."""


class Aggregator(Operator, family="aggregator"):
    """Two summaries of neighbouring chunks -> one. Built from its spec and the chunk's sizes.

    A summary is a pytree of tensors, batch first. B' stands for any number of rows, of sequences
    and chunks together: an aggregator treats them alike.

    Attributes:
        associative: whether brackets do not matter. Then one running prefix is carried, with
            `start` as its first operand; otherwise a tree for each 1-bit of the number of chunks,
            and aggregating `start` with a summary gives that summary.
    """

    associative: ClassVar[bool] = False

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec)

    @abstractmethod
    def start(self) -> Summary:
        """The summary before the first chunk, without the batch axis."""

    @abstractmethod
    def leaf(self, rows: Tensor) -> Summary:
        """One chunk's rows (B', C, D) -> its summary."""

    @abstractmethod
    def forward(self, older: Summary, newer: Summary) -> Summary:
        """Two summaries of (B', ...), the older chunks' first -> the summary of both."""

    @abstractmethod
    def read(self, summary: Summary) -> Tensor:
        """A summary of (B', ...) -> the rows that later tokens see of it, (B', M, D)."""


class RowAggregator(Aggregator):
    """An aggregator whose summaries are C rows of D features, like a chunk itself.

    The rows before the first chunk are learned.
    """

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec, dims)
        self.first = nn.Parameter(0.02 * torch.randn(dims.chunk, dims.width))

    def start(self) -> Tensor:
        """(C, D)."""
        return self.first

    def leaf(self, rows: Tensor) -> Tensor:
        """(B', C, D), the chunk as it is."""
        return rows

    @abstractmethod
    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Rows (B', C, D), the older chunks' first -> (B', C, D)."""

    def read(self, summary: Tensor) -> Tensor:
        """(B', C, D), the summary as it is."""
        return summary
