"""The memory family: the network whose weights are changed as tokens come, one for each head."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators import Dims
from seqzoo.spec import Part, PartSpec

__all__ = ["LinearMemory", "Memory", "MlpMemory", "Weights"]

Weights = list[dict[str, Tensor]]
"""A layer each: `weight` (..., H, in, out) and `bias` (..., H, out)."""

INITIAL_DEVIATION = 0.02
GELU_SCALE = (2 / torch.pi) ** 0.5
GELU_CUBIC = 0.044715


class Memory(Part, nn.Module, family="memory"):
    """A stack of layers z = x W + b with GELU between them; its parameters are the initial weights.

    Built from its spec and the mixer's sizes.

    Attributes:
        sizes: features that go into each layer, and those that come out of the last.
    """

    sizes: tuple[int, ...]

    def __init__(self, spec: PartSpec, dims: Dims, hidden: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.sizes = (dims.key_size, *hidden, dims.value_size)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for before, after in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            weight = INITIAL_DEVIATION * torch.randn(dims.heads, before, after)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(dims.heads, after)))

    def initial(self) -> Weights:
        """The weights before the first token, each (H, ...)."""
        pairs = zip(self.weights, self.biases, strict=True)
        return [{"weight": weight, "bias": bias} for weight, bias in pairs]


class LinearMemory(Memory):
    """z = k W + b (TTT-Linear, arXiv 2407.04620)."""

    name = "linear"


class MlpMemory(Memory):
    """z = gelu(k W1 + b1) W2 + b2, GELU by its tanh form (TTT-MLP, arXiv 2407.04620)."""

    name = "mlp"

    class Spec(PartSpec):
        """ratio: hidden features over those of a key. hidden: number of hidden layers."""

        ratio: PositiveInt = 4
        hidden: PositiveInt = 1

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims, (spec.ratio * dims.key_size,) * spec.hidden)


def gelu(x: Tensor) -> Tensor:
    """GELU by its tanh form."""
    return F.gelu(x, approximate="tanh")


def gelu_slope(x: Tensor) -> Tensor:
    """The derivative of `gelu`."""
    tanh = torch.tanh(GELU_SCALE * (x + GELU_CUBIC * x**3))
    inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * x.square())
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh.square()) * inner
