"""No encoding."""

from __future__ import annotations

from torch import Tensor

from seqzoo.operators.encoders.encoder import Encoder

__all__ = ["IdentityEncoder"]


class IdentityEncoder(Encoder):
    """The tokens as they are."""

    name = "identity"

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(B, T, D), x."""
        return x
