"""Squashed gates: into (0, 1), or into (0, 2) for negative eigenvalues."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from seqzoo.operators.gates.gate import Gate
from seqzoo.operators.hints import Hint
from seqzoo.operators.low_rank import linear
from seqzoo.operators.place import Place
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["SigmoidGate", "TwiceSigmoidGate"]


class SigmoidGate(Gate):
    """beta = sigmoid(W u + b), in (0, 1)."""

    name = "sigmoid"
    strength = "at_most_one"
    hints: ClassVar = {"project": Hint(decay=False)}
    most: ClassVar[float] = 1.0

    class Spec(PartSpec):
        """Settings of a squashed gate.

        initial: sigmoid(b) before training; null for no b.
        rank: features between two thin matrices in place of W; null is one matrix.
        """

        initial: float | None = Field(default=None, gt=0.0, lt=1.0)
        rank: PositiveInt | None = None

    def __init__(self, spec: Spec, place: Place, heads: int) -> None:
        super().__init__(spec, place, heads)
        self.project = linear(place.width, heads, bias=spec.initial is not None, rank=spec.rank)
        if spec.initial is not None:
            bias = self.project.get_parameter("bias" if spec.rank is None else "1.bias")
            nn.init.constant_(bias, math.log(spec.initial) - math.log1p(-spec.initial))

    def forward(self, u: Tensor, stream: Stream, keys: Tensor | None = None) -> Tensor:
        """u (B, T, D) -> (B, T, heads)."""
        beta = self.project(u).sigmoid()
        return beta if self.most == 1.0 else self.most * beta


class TwiceSigmoidGate(SigmoidGate):
    """beta = 2 sigmoid(W u + b), in (0, 2): an erase may turn its key around (arXiv 2411.12537)."""

    name = "twice_sigmoid"
    strength = "unit_keys"
    most = 2.0

    class Spec(SigmoidGate.Spec):
        """Settings of a squashed gate; initial is sigmoid(b), half of the strength."""
