"""A bounded gain: a small MLP that ends in a sigmoid."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from seqzoo.operators.activations.activation import Activation
from seqzoo.operators.place import Dims
from seqzoo.operators.predictors.predictor import Predictor
from seqzoo.operators.predictors.step_linear import StepLinear
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec, slot

__all__ = ["MlpPredictor"]


class MlpPredictor(Predictor):
    """p^(l) = sigmoid(W_2^(l) act(W_1^(l) u) + b^(l)), in (0, 1)."""

    name = "mlp"

    class Spec(PartSpec):
        """hidden: hidden features; null is the width. activation: between the two matrices.

        bias: every element of b before training.
        """

        hidden: PositiveInt | None = None
        activation: PartSpec[Activation] = slot("activation", "silu")
        bias: float = 0.0

    def __init__(self, spec: Spec, dims: Dims, steps: int = 1) -> None:
        super().__init__(spec, dims, steps)
        self.shape = (steps, dims.heads, dims.value_size)
        self.hidden = spec.hidden or dims.width
        self.up = nn.Linear(dims.width, steps * self.hidden, bias=False)
        self.activation = spec.activation.build()
        self.down = StepLinear(steps, self.hidden, dims.heads * dims.value_size, spec.bias)

    def forward(self, u: Tensor, stream: Stream) -> Tensor:
        """u (B, T, D) -> p (B, T, R, H, V)."""
        hidden = self.activation(self.up(u)).unflatten(-1, (self.shape[0], self.hidden))
        return self.down(hidden).sigmoid().unflatten(-1, self.shape[1:])
