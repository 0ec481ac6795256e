"""A dense mixture of memories, linear attentions of the full width that all run."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Activation, Anchor, Dims, Memory, Place, Stream
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot

__all__ = ["DenseMom"]


class DenseMom(Mixer):
    """y = W_o sum_m softmax(W_r u)_m S^m q, S^m_t = S^m_{t-1} + v^m k^mT (PRISM's release)."""

    name = "dense_mom"
    scaling = LINEAR

    class Spec(PartSpec):
        """Memories of full width, all of which always run.

        memories: their number.
        anchor: x -> u, from which everything is made.
        activation: of queries and keys.
        scan: the backend.
        """

        memories: PositiveInt = 4
        anchor: PartSpec[Anchor] = slot("anchor", "identity")
        activation: PartSpec[Activation] = slot("activation", "elu1")
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, self.memories = place.width, spec.memories
        scan = spec.scan.build()
        self.anchor: Anchor = spec.anchor.build(Dims(place, spec.memories, width, width, scan=scan))
        self.router = nn.Linear(width, spec.memories)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, spec.memories * width, bias=False)
        self.value = nn.Linear(width, spec.memories * width, bias=False)
        self.activation: Activation = spec.activation.build()
        self.memory = Memory(scan, width**-0.5)
        self.project = nn.Linear(width, width)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.anchor(x, stream)
        shape = (self.memories, self.place.width)
        queries = self.activation(self.query(u)).unsqueeze(2).expand(-1, -1, self.memories, -1)
        keys = self.activation(self.key(u)).unflatten(-1, shape)
        writes = Writes(keys.unsqueeze(2), self.value(u).unflatten(-1, shape).unsqueeze(2))
        reads = self.memory(queries, Transition(), writes, stream)
        routes = self.router(u).softmax(-1).unsqueeze(-1)
        return self.project((routes * reads).sum(2))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The memories, and the anchor before them."""
        state: Any = f"{self.memories} memories, each {self.place.width} x {self.place.width}"
        return (
            ("layer", self.summary()),
            ("state", state),
            (f"anchor {self.anchor.name}", self.anchor.summary()),
        )
