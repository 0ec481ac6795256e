"""Two matrices with an activation between them, for parts that consist of one small MLP."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from seqzoo.operators.activations import Activation
from seqzoo.spec import PartSpec, slot

__all__ = ["HiddenLayer", "HiddenLayerSpec"]


class HiddenLayerSpec(PartSpec):
    """ratio: hidden features, in widths. activation: between the two matrices."""

    ratio: float = Field(default=2.0, gt=0.0)
    activation: PartSpec[Activation] = slot("activation", "gelu")


class HiddenLayer(nn.Module):
    """W_2 act(W_1 x): (..., inputs) -> (..., D)."""

    def __init__(self, spec: HiddenLayerSpec, inputs: int, width: int) -> None:
        super().__init__()
        hidden = max(1, round(spec.ratio * width))
        self.up = nn.Linear(inputs, hidden)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., inputs) -> (..., D)."""
        return self.down(self.activation(self.up(x)))
