"""An injection that may use the writes before its own."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from seqzoo.operators import Dims, Injection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec

__all__ = ["FollowingInjection"]


class FollowingInjection(Injection):
    """u, and what was written before it in a `concatenated` injection -> writes.

    Args:
        spec: its own.
        dims: sizes of the mixer.
        follows: whether it stands behind another injection.
    """

    def __init__(self, spec: PartSpec, dims: Dims, *, follows: bool = False) -> None:
        super().__init__(spec, dims)

    @abstractmethod
    def after(self, u: Tensor, stream: Stream, before: Writes | None) -> Writes:
        """u (B, T, D), the writes before (None where it stands alone) -> its own writes."""

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes, none being before them."""
        return self.after(u, stream, None)
