"""An anchor with a long, fading memory: an exponential moving average for each channel."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.anchors.anchor import Anchor
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.scan import elementwise_scan
from seqzoo.spec import PartSpec

__all__ = ["EmaAnchor"]


class EmaAnchor(Anchor):
    """u_t = a u_{t-1} + (1 - a) x_t with a learned a in (0, 1) for each channel.

    It is computed by the backend that the mixer's `scan` names.
    """

    name = "ema"

    class Spec(PartSpec):
        """decay: a before training, the same for every channel."""

        decay: float = Field(default=0.5, gt=0.0, lt=1.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        logit = math.log(spec.decay) - math.log1p(-spec.decay)
        self.scan = dims.scan.elementwise if dims.scan else elementwise_scan
        self.decay_logit = nn.Parameter(torch.full((dims.width,), logit))

    def forward(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> u (B, T, D)."""
        log_decay = F.logsigmoid(self.decay_logit).expand(x.shape)
        new = x * torch.sigmoid(-self.decay_logit)
        past = stream.past(self, "average", lambda: None)
        u, average = self.scan(log_decay, new, past, cu_seqlens=stream.cu_seqlens)
        stream.keep(self, "average", average)
        return u
