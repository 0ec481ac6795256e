"""A bounded gain: a small MLP with a sigmoid at its end."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.operator import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.spec import PartSpec, Slot

__all__ = ["MlpPredictor"]


class MlpPredictor(Predictor):
    """p = sigmoid(W_2 act(W_1 u) + b), in (0, 1)."""

    name = "mlp"

    class Spec(PartSpec):
        """hidden: features between; null is the width. activation: between the two matrices.

        bias: every element of b before training.
        """

        hidden: PositiveInt | None = None
        activation: Annotated[PartSpec, Slot("activation")] = Field(default=cast("Any", "silu"))
        bias: float = 0.0

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.value_size)
        hidden = spec.hidden or dims.width
        self.up = nn.Linear(dims.width, hidden, bias=False)
        self.activation: Activation = spec.activation.build()
        self.down = nn.Linear(hidden, dims.heads * dims.value_size)
        nn.init.constant_(self.down.bias, spec.bias)

    def forward(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> p (B, T, H, V)."""
        return self.down(self.activation(self.up(u))).sigmoid().unflatten(-1, self.shape)
