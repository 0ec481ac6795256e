"""The inner_loss family: the memory's training loss at test time, and how it is read."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqzoo.errors import SpecError
from seqzoo.operators import Dims, Hint
from seqzoo.spec import Part, PartSpec
from seqzoo_ttt.derived import token_gradients

__all__ = [
    "DotProduct",
    "InnerLoss",
    "LnReconstruction",
    "MeanSquare",
    "Reconstruction",
    "standardised",
    "through_standardised",
]

EPSILON = 1e-6


class InnerLoss(Part, nn.Module, family="inner_loss"):
    """A token's loss of the memory's output z at its key. Built from its spec and the sizes.

    Keys, values and z are (B, H, c, features); H and the last axis are where parameters apply.
    """

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__()

    @abstractmethod
    def value(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """The loss of each token, (B, H, c)."""

    def gradient(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """dvalue/dz (B, H, c, V); derived from `value` where a loss gives no closed form."""
        return token_gradients(lambda at: self.value(at[0], keys, values), [z])[0]

    def read(self, z: Tensor, queries: Tensor) -> Tensor:
        """What the layer reads of the memory's output z at a query, (B, H, c, V)."""
        return z


class Reconstruction(InnerLoss):
    """|z - v|^2 / 2, read as it is: with a linear memory and a mini-batch of 1, the delta rule."""

    name = "reconstruction"

    def value(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, H, c)."""
        return (z - values).square().sum(-1) / 2

    def gradient(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """z - v."""
        return z - values


class MeanSquare(InnerLoss):
    """mean((z - v)^2) over the features, read as it is (Titans, arXiv 2501.00663)."""

    name = "mean_square"

    def value(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, H, c)."""
        return (z - values).square().mean(-1)

    def gradient(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """2 (z - v) / V."""
        return 2 * (z - values) / z.shape[-1]


class DotProduct(InnerLoss):
    """-<z, v>, read as it is: with a linear memory, linear attention."""

    name = "dot_product"

    def value(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, H, c)."""
        return -(z * values).sum(-1)

    def gradient(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """-v."""
        return -values.expand_as(z)


class LnReconstruction(InnerLoss):
    """|LN(z) - (v - k)|^2 / 2, read as q + LN(z), LN a layer norm of each head (TTT).

    Source: the published code of arXiv 2407.04620.
    """

    name = "ln_reconstruction"
    hints: ClassVar = {"scale": Hint(decay=False), "shift": Hint(decay=False)}

    def __init__(self, spec: PartSpec, dims: Dims) -> None:
        super().__init__(spec, dims)
        if dims.key_size != dims.value_size:
            raise SpecError(
                f"inner_loss '{self.name}' adds keys to values, and their sizes are "
                f"{dims.key_size} and {dims.value_size}: make them equal"
            )
        self.scale = nn.Parameter(torch.ones(dims.heads, 1, dims.value_size))
        self.shift = nn.Parameter(torch.zeros(dims.heads, 1, dims.value_size))

    def value(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, H, c)."""
        return (self._norm(z) - (values - keys)).square().sum(-1) / 2

    def gradient(self, z: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(w - mean(w) - x mean(w x)) / deviation, with w = scale (LN(z) - v + k), x normed z."""
        x, deviation = standardised(z, EPSILON)
        w = self.scale * (self.scale * x + self.shift - values + keys)
        return through_standardised(w, x, deviation)

    def read(self, z: Tensor, queries: Tensor) -> Tensor:
        """q + LN(z)."""
        return queries + self._norm(z)

    def _norm(self, z: Tensor) -> Tensor:
        return self.scale * standardised(z, EPSILON)[0] + self.shift


def standardised(z: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """x = (z - mean) / deviation over the last axis, and the deviation (..., 1)."""
    centred = z - z.mean(-1, keepdim=True)
    deviation = (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    return centred / deviation, deviation


def through_standardised(w: Tensor, x: Tensor, deviation: Tensor) -> Tensor:
    """The gradient by z, of w by x: (w - mean(w) - x mean(w x)) / deviation."""
    along = (w * x).mean(-1, keepdim=True)
    return (w - w.mean(-1, keepdim=True) - x * along) / deviation
