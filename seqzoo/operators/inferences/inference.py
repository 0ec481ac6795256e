"""The inference family: a prefix and the tokens of one chunk -> outputs."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from seqzoo.operators.operator import Operator
from seqzoo.operators.place import ChunkDims
from seqzoo.operators.stream import State
from seqzoo.spec import PartSpec

__all__ = ["Inference", "places_from"]


class Inference(Operator, family="inference"):
    """Outputs for a chunk's tokens, from the summary of earlier chunks and the tokens so far.

    Built from its spec and the chunk's sizes. A chunk is opened once; its tokens may then arrive in
    any number of pieces, with the same results as in one call.
    """

    def __init__(self, spec: PartSpec, dims: ChunkDims) -> None:
        super().__init__(spec)

    @abstractmethod
    def open(self, prefix: Tensor) -> State:
        """The rows of the earlier chunks, (B', M, D) -> what is kept for the duration of the chunk.

        It is a pytree of (B', ...) whose shapes do not change.
        """

    @abstractmethod
    def forward(self, rows: Tensor, opened: State, place: int | Tensor) -> tuple[Tensor, State]:
        """rows (B', h, D) of the chunk's tokens from `place` on -> outputs (B', h, D), what is
        kept.

        A compiled step gives places (B',) int64, one per row; see `places_from`.
        """


def places_from(place: int | Tensor, rows: Tensor) -> Tensor:
    """Where rows (B', h, D) stand in their chunk, from the first's place on: (1 or B', h) int64."""
    steps = torch.arange(rows.shape[1], device=rows.device)
    return (place.unsqueeze(-1) if isinstance(place, Tensor) else place) + steps.view(1, -1)
