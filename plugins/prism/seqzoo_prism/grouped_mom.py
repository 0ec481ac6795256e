"""The mixture of memories that ran for PRISM's Table 4: linear attentions of half the width."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Activation, Anchor, Dims, Memory, Place, Stream
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot

__all__ = ["GroupedMom"]

MEMORIES = 4


class GroupedMom(Mixer):
    """y = W_o [softmax(W_r u)_m S^m q^m]_m, S^m_t = S^m_{t-1} + v^m k^mT (PRISM's release).

    There are four memories. W_o and the projections of queries, keys and values are block-diagonal:
    they work on the two halves of their input apart. Queries and the first two memories' keys are
    made of the first half of u, the other keys and all values of the second; the first half of y
    reads the first two memories, the second the others.
    """

    name = "grouped_mom"
    scaling = LINEAR

    class Spec(PartSpec):
        """Four memories of half the width, all of which always run.

        anchor: x -> u, from which everything is made.
        activation: of queries and keys.
        scan: the backend.
        """

        anchor: PartSpec[Anchor] = slot("anchor", "identity")
        activation: PartSpec[Activation] = slot("activation", "elu1")
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, self.size = place.width, place.width // 2
        scan = spec.scan.build()
        dims = Dims(place, MEMORIES, self.size, self.size, scan=scan)
        self.anchor: Anchor = spec.anchor.build(dims)
        self.router = nn.Linear(width, MEMORIES)
        self.first = nn.Linear(self.size, 3 * width, bias=False)
        self.second = nn.Linear(self.size, 3 * width, bias=False)
        self.activation: Activation = spec.activation.build()
        self.memory = Memory(scan)
        self.project_first = nn.Linear(width, self.size, bias=False)
        self.project_second = nn.Linear(width, self.size, bias=False)

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """An odd width, which has no halves."""
        if width % 2 == 0:
            return ""
        return f"mixer 'grouped_mom': a width of {width} has no halves; choose an even one"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        first, second = u.chunk(2, dim=-1)
        features = torch.cat([self.first(first), self.second(second)], dim=-1)
        queries, keys, values = features.unflatten(-1, (3, MEMORIES, self.size)).unbind(-3)
        queries, keys = self.activation(queries), self.activation(keys)
        writes = Writes(keys.unsqueeze(2), values.unsqueeze(2))
        reads = self.memory(queries, Transition(), writes, stream)
        routes = self.router(u).softmax(-1).unsqueeze(-1)
        first, second = (routes * reads).flatten(-2).chunk(2, dim=-1)
        return torch.cat([self.project_first(first), self.project_second(second)], dim=-1)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The memories, and the anchor before them."""
        return (
            ("layer", self.summary()),
            ("state", f"{MEMORIES} memories, each {self.size} x {self.size}"),
            (f"anchor {self.anchor.name}", self.anchor.summary()),
        )
