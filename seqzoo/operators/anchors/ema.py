"""An anchor with a long, fading memory: an exponential moving average a channel."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.operator import Dims, State
from seqzoo.scan import elementwise_scan
from seqzoo.spec import PartSpec

__all__ = ["EmaAnchor"]


class EmaAnchor(Anchor):
    """u_t = a u_{t-1} + (1 - a) x_t with a learned a in (0, 1) for each channel."""

    name = "ema"

    class Spec(PartSpec):
        """decay: a before training, the same for every channel."""

        decay: float = Field(default=0.5, gt=0.0, lt=1.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        logit = math.log(spec.decay) - math.log1p(-spec.decay)
        self.decay_logit = nn.Parameter(torch.full((dims.width,), logit))

    def initial_state(self, like: Tensor) -> State:
        """The average so far: zeros (B, D), float32 or wider."""
        zeros = like.new_zeros(like.shape[0], self.decay_logit.numel())
        return zeros.to(torch.promote_types(zeros.dtype, torch.float32))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (B, T, D) -> u (B, T, D)."""
        averages, state = elementwise_scan(*self._terms(x), state)
        return averages, state

    def packed(self, x: Tensor, cu_seqlens: Tensor) -> Tensor:
        """x (1, T, D) -> u (1, T, D); each document's average begins at 0."""
        return elementwise_scan(*self._terms(x), cu_seqlens=cu_seqlens).outputs

    def _terms(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log a and (1 - a) x, (B, T, D) each."""
        log_decay = F.logsigmoid(self.decay_logit)
        return log_decay.expand(x.shape), x * torch.sigmoid(-self.decay_logit)
