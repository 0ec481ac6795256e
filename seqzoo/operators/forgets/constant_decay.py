"""RetNet's decay: a constant for each head."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.forget import DecayForget
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["ConstantDecay"]


class ConstantDecay(DecayForget):
    """A_t = gamma_h I, gamma_h = 1 - 2^-(octave + h), not learned (RetNet, arXiv 2307.08621)."""

    name = "constant_decay"

    class Spec(PartSpec):
        """octave: of the first head; 5 keeps 31/32 of the state per token."""

        octave: float = Field(default=5.0, gt=0.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        rates = 2.0 ** -(spec.octave + torch.arange(dims.heads, dtype=torch.float64))
        self.register_buffer("rates", torch.log1p(-rates).float(), persistent=False)
        self.rates: Tensor

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> (B, T, H), the same for every token."""
        return self.rates.expand(*features.u.shape[:2], -1)
