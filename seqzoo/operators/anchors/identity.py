"""The ablation of the anchor: the current token only."""

from __future__ import annotations

from torch import Tensor

from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.stream import Stream

__all__ = ["IdentityAnchor"]


class IdentityAnchor(Anchor):
    """u_t = x_t: no anchor, each token stands for itself."""

    name = "identity"

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> the same x."""
        return x
