"""Decoders that each break one rule of the kit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.model import LastToken


class Twice(LastToken):
    """Asks for a position twice."""

    name = "twice"

    def sources(self, rows: int, length: int, device: torch.device) -> Tensor:
        return super().sources(rows, length, device) * 0


class Counts(LastToken):
    """What a position is given depends on the others that are asked for."""

    name = "counts"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features, positions, length) + len(positions)


class Blends(LastToken):
    """Centres features over the batch."""

    name = "blends"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features - features.mean(0), positions, length)


class Idle(LastToken):
    """Has a parameter that nothing reads, of whatever was in memory."""

    name = "idle"

    def __init__(self, spec: Any, width: int) -> None:
        super().__init__(spec, width)
        self.idle = nn.Parameter(torch.empty(3))


class Doubles(LastToken):
    """Computes in float64, whatever it is given."""

    name = "doubles"

    def forward(self, features: Tensor, positions: Tensor, length: int) -> Tensor:
        return super().forward(features, positions, length).double()
