"""A learned decay, one number a key channel and token."""

from __future__ import annotations

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.forgets.forget import DecayForget
from seqzoo.operators.operator import Dims
from seqzoo.spec import PartSpec

__all__ = ["ChannelDecay"]


class ChannelDecay(DecayForget):
    """A_t = Diag(sigmoid(W_up W_down u + b)^(1/temperature)) (GLA, arXiv 2312.06635)."""

    name = "channel_decay"
    no_weight_decay = ("down", "up")

    class Spec(PartSpec):
        """rank: features between the two matrices; null is the least of 16 and the width.

        temperature: the higher, the closer the decay stays to 1.
        """

        rank: PositiveInt | None = None
        temperature: float = Field(default=16.0, gt=0.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.shape = (dims.heads, dims.key_size)
        self.temperature = spec.temperature
        rank = spec.rank or min(16, dims.width)
        self.down = nn.Linear(dims.width, rank, bias=False)
        self.up = nn.Linear(rank, dims.heads * dims.key_size)

    def log_decay(self, u: Tensor) -> Tensor:
        """u (B, T, D) -> g (B, T, H, K)."""
        return F.logsigmoid(self.up(self.down(u))).unflatten(-1, self.shape) / self.temperature
