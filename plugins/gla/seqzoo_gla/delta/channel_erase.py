"""Gated DeltaNet-2's erase: a strength for each key channel."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from seqzoo.operators import Dims, Features, Hint, Stream
from seqzoo.scan import Erase
from seqzoo_gla.delta.erasing import DecaySpec, ErasingForget, each_step

__all__ = ["ChannelErase"]


class ChannelErase(ErasingForget):
    """A_t = Diag(alpha_t)(I - (b_t * k_t) k_t^T), b_t = sigmoid(W u) (arXiv 2605.22791).

    The eigenvalue along a key of length 1, 1 - k^T (b * k), is in (0, 1).
    """

    name = "channel_erase"
    hints: ClassVar = {"gate": Hint(decay=False)}

    class Spec(DecaySpec):
        """What is kept.

        decay: any forget that only decays.
        negative: double b, so that the eigenvalue may reach -1.
        """

        negative: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape, self.most = (dims.key_heads, dims.key_size), 2.0 if spec.negative else 1.0
        self.gate = nn.Linear(dims.width, dims.key_heads * dims.key_size, bias=False)

    @classmethod
    def erase_misfit(cls, spec: Any, injection: Any) -> str:
        """The first key must have length 1, or less."""
        if injection.part.first_write(injection).unit_key:
            return ""
        return (
            f"'{cls.name}' erases along the first key of '{injection.part.name}', whose norm is "
            "not bounded by 1; give the injection's key norm: unit"
        )

    def erase(self, features: Features, stream: Stream) -> Erase:
        """Read with b * k, erase along k at full strength."""
        keys = features.writes.keys[:, :, 0]
        gate = self.most * self.gate(features.u).sigmoid().unflatten(-1, self.shape)
        read = each_step(gate, features.writes.steps) * keys
        return Erase(read, self._ones(features.writes.values), along_key=True)

    @staticmethod
    def _ones(values: Tensor) -> Tensor:
        """(B, T, R, H, V) -> ones (B, T, H)."""
        return values.new_ones(()).expand(values.shape[0], values.shape[1], values.shape[3])
