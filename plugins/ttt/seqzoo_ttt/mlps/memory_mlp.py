"""An MLP whose second matrix is a memory."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from seqzoo.model import MLP
from seqzoo.operators import Activation, Dims, Place, Rule, Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["MemoryMlp"]


class MemoryMlp(MLP):
    """y = rule(z, z, x), z = act(W_1 x) * W_2 x: keys and queries z, values x, one head.

    With the rule `delayed` it is In-Place TTT (arXiv 2604.06169): a gated MLP whose down projection
    learns from the tokens of earlier chunks.
    """

    name = "memory_mlp"
    looks_back: ClassVar[bool] = True

    class Spec(PartSpec):
        """ratio: hidden features, in widths. activation: of the gate. rule: what z is read by."""

        ratio: float = Field(default=8 / 3, gt=0.0)
        activation: PartSpec[Activation] = slot("activation", "silu")
        rule: PartSpec[Rule] = slot("rule", "delayed")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        hidden = max(1, round(spec.ratio * place.width))
        self.gate_and_up = nn.Linear(place.width, 2 * hidden, bias=False)
        self.activation: Activation = spec.activation.build()
        self.rule: Rule = spec.rule.build(Dims(place, 1, hidden, place.width))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> (B, T, D)."""
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        hidden = (self.activation(gate) * up).unsqueeze(2)
        return self.rule(hidden, hidden, x.unsqueeze(2), x, stream).squeeze(2)
