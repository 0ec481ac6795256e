"""Lightning attention's decay: a constant for each head, slower in later layers."""

from __future__ import annotations

import torch
from pydantic import PositiveFloat
from torch import Tensor

from seqzoo.operators import DecayForget, Dims, Features, Stream
from seqzoo.spec import PartSpec

__all__ = ["SlopeDecay"]


class SlopeDecay(DecayForget):
    """alpha = exp(-2^(-8 h / H) (1 - l / (L - 1))) for head h from 1 and layer l of L, not learned.

    The slopes of ALiBi; MiniMax-01 (arXiv 2501.08313) makes them flatter layer by layer. As in its
    code the factor is 1 - l / (L - 1 + 1e-5) + 1e-5, which is above 0 for the last layer too.
    """

    name = "slopes"

    class Spec(PartSpec):
        """factor: multiplies all slopes; null takes it from the layer's place in the model."""

        factor: PositiveFloat | None = None

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place = dims.place
        factor = spec.factor or 1 - place.layer / (place.layers - 1 + 1e-5) + 1e-5
        heads = torch.arange(1, dims.heads + 1, dtype=torch.float64)
        rates = -factor * 2.0 ** (-8 * heads / dims.heads)
        self.register_buffer("rates", rates.float(), persistent=False)
        self.rates: Tensor

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H), the same for every token."""
        return self.rates.expand(*features.u.shape[:2], -1)
