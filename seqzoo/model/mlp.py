"""The MLP family: what a block does to each token by itself."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, cast

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators import Activation
from seqzoo.spec import Part, PartSpec, Slot

__all__ = ["MLP", "GatedMLP", "PlainMLP"]


class MLP(Part, nn.Module, family="mlp"):
    """(..., D) -> (..., D), token by token. Built from its spec and the model's width D."""

    def __init__(self, spec: PartSpec, width: int) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x (..., D) -> (..., D)."""


class PlainMLP(MLP):
    """W_2 act(W_1 x)."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features, in widths. activation: between the two matrices."""

        ratio: float = Field(default=4.0, gt=0.0)
        activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "gelu"))

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__(spec, width)
        hidden = max(1, round(spec.ratio * width))
        self.up = nn.Linear(width, hidden)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D) -> (..., D)."""
        return self.down(self.activation(self.up(x)))


class GatedMLP(MLP):
    """W_3 (act(W_1 x) * W_2 x): SwiGLU with SiLU (arXiv 2002.05202)."""

    name = "swiglu"

    class Spec(PartSpec):
        """ratio: hidden features, in widths; 8/3 costs what a plain MLP of ratio 4 costs."""

        ratio: float = Field(default=8 / 3, gt=0.0)
        activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "silu"))

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__(spec, width)
        hidden = max(1, round(spec.ratio * width))
        self.gate_and_up = nn.Linear(width, 2 * hidden, bias=False)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D) -> (..., D)."""
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        return self.down(self.activation(gate) * up)
