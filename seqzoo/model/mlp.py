"""The MLP family: what a block does to each token after the mixer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators import Activation, Carrier, Hint, Owner, Place, Stream
from seqzoo.spec import Part, PartSpec, slot

__all__ = ["MLP", "GatedMLP", "PlainMLP"]


class MLP(Part, Carrier, family="mlp", metaclass=Owner):
    """(..., D) -> (..., D). Built from its spec and its place in the model.

    Attributes:
        looks_back: whether a token's result depends on the tokens before it, as where a layer
            shifts tokens; then `forward` always gets whole sequences (B, T, D).
        hints: how optimizers should treat own parameters and submodules, by name; see `Hint`.
    """

    looks_back: ClassVar[bool] = False
    hints: ClassVar[Mapping[str, Hint]] = {}

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (..., D) -> (..., D); what is carried goes through the stream."""


class PlainMLP(MLP):
    """W_2 act(W_1 x)."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

        ratio: float = Field(default=4.0, gt=0.0)
        activation: PartSpec[Activation] = slot("activation", "gelu")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        hidden = max(1, round(spec.ratio * place.width))
        self.up = nn.Linear(place.width, hidden)
        self.activation = spec.activation.build()
        self.down = nn.Linear(hidden, place.width)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (..., D) -> (..., D)."""
        return self.down(self.activation(self.up(x)))


class GatedMLP(MLP):
    """W_3 (act(W_1 x) * W_2 x): SwiGLU with SiLU (arXiv 2002.05202)."""

    name = "swiglu"

    class Spec(PartSpec):
        """ratio: hidden features, in widths; 8/3 costs what a plain MLP of ratio 4 costs.

        activation: of the gate.
        """

        ratio: float = Field(default=8 / 3, gt=0.0)
        activation: PartSpec[Activation] = slot("activation", "silu")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        hidden = max(1, round(spec.ratio * place.width))
        self.gate_and_up = nn.Linear(place.width, 2 * hidden, bias=False)
        self.activation = spec.activation.build()
        self.down = nn.Linear(hidden, place.width, bias=False)

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (..., D) -> (..., D)."""
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        return self.down(self.activation(gate) * up)
