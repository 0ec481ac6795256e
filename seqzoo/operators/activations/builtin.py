"""The usual activations, as torch has them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.operators.activations.activation import Activation

__all__ = ["Elu1", "Gelu", "Identity", "Relu", "Relu2", "Sigmoid", "Silu", "Tanh"]


class Identity(Activation):
    """x: strictly linear."""

    name = "identity"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> x."""
        return x


class Gelu(Activation):
    """x Phi(x), the exact form with the error function."""

    name = "gelu"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.gelu(x)


class Silu(Activation):
    """x sigmoid(x)."""

    name = "silu"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.silu(x)


class Sigmoid(Activation):
    """1 / (1 + exp(-x)): the gate of Kimi Linear's readout."""

    name = "sigmoid"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...), in (0, 1)."""
        return torch.sigmoid(x)


class Tanh(Activation):
    """tanh(x)."""

    name = "tanh"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return torch.tanh(x)


class Relu(Activation):
    """max(x, 0)."""

    name = "relu"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.relu(x)


class Relu2(Activation):
    """max(x, 0)^2 (Primer, arXiv 2109.08668)."""

    name = "relu2"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.relu(x).square()


class Elu1(Activation):
    """elu(x) + 1, positive everywhere: linear attention's feature map (arXiv 2006.16236)."""

    name = "elu1"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return F.elu(x) + 1
