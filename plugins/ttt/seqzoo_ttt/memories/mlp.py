"""The memory of several layers."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators import Dims
from seqzoo.spec import PartSpec
from seqzoo_ttt.loss import InnerLoss
from seqzoo_ttt.memories.maps import Maps, Seen, Weights, applied
from seqzoo_ttt.memories.memory import INITIAL_DEVIATION, Memory

__all__ = ["MlpMemory", "tanh_gelu", "tanh_gelu_slope"]

GELU_SCALE = (2 / torch.pi) ** 0.5
GELU_CUBIC = 0.044715


class MlpMemory(Memory):
    """z = gelu(k W1 + b1) W2 + b2, GELU by its tanh form (TTT-MLP, arXiv 2407.04620)."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features over those of a key. hidden: number of hidden layers."""

        ratio: PositiveInt = 4
        hidden: PositiveInt = 1

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        sizes = (dims.key_size, *[spec.ratio * dims.key_size] * spec.hidden, dims.value_size)
        for number in range(spec.hidden + 1):
            weight = torch.randn(dims.heads, *sizes[number : number + 2])
            self.add_map(str(number), INITIAL_DEVIATION * weight, bias=True)

    def forward(self, maps: Maps, x: Tensor) -> Tensor:
        """x (B, H, c, K) -> (B, H, c, V)."""
        for number in range(len(maps)):
            x = maps[str(number)](tanh_gelu(x) if number else x)
        return x

    def gradients(
        self, weights: Weights, loss: InnerLoss, keys: Tensor, values: Tensor
    ) -> dict[str, Seen]:
        """Back from the last layer: dl/dz_n = (dl/dz_{n+1} W_{n+1}^T) * gelu'(z_n)."""
        inputs, outputs = [keys], [applied(weights["0"], keys)]
        for number in range(1, len(weights)):
            inputs.append(tanh_gelu(outputs[-1]))
            outputs.append(applied(weights[str(number)], inputs[-1]))
        gradient = loss.gradient(outputs[-1], keys, values)
        seen = {}
        for number in reversed(range(len(weights))):
            seen[str(number)] = Seen(inputs[number], gradient)
            if number:
                back = gradient @ weights[str(number)]["weight"].transpose(-1, -2)
                gradient = back * tanh_gelu_slope(outputs[number - 1])
        return seen


def tanh_gelu(x: Tensor) -> Tensor:
    """GELU by its tanh form."""
    return F.gelu(x, approximate="tanh")


def tanh_gelu_slope(x: Tensor) -> Tensor:
    """The derivative of `tanh_gelu`."""
    tanh = torch.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3))
    inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * x.square())
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh.square()) * inner
