"""A learned decay: one number per head and token."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.operators.features import Features
from seqzoo.operators.forgets.forget import DecayForget
from seqzoo.operators.hints import Hint
from seqzoo.operators.place import Dims
from seqzoo.operators.stream import Stream
from seqzoo.spec import PartSpec

__all__ = ["HeadDecay"]


class HeadDecay(DecayForget):
    """A_t = alpha_t I with alpha_t = sigmoid(W_alpha u + b), one per head (PRISM, Eq. 17)."""

    name = "head_decay"
    hints: ClassVar = {"project": Hint(decay=False)}

    class Spec(PartSpec):
        """initial: alpha where W_alpha u is 0, before training; sets b."""

        initial: float = Field(default=0.99, gt=0.0, lt=1.0)

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.project = nn.Linear(dims.width, dims.heads)
        with torch.no_grad():
            self.project.bias.fill_(math.log(spec.initial) - math.log1p(-spec.initial))

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        """-> g (B, T, H)."""
        return F.logsigmoid(self.project(features.u))
