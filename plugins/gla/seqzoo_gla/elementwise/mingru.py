"""minGRU: a GRU whose gate and candidate do not see the state, so it is a scan."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Activation, Place, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.elementwise.channels import Channels

__all__ = ["MinGru", "PositiveHalf"]


class PositiveHalf(Activation):
    """x + 1/2 where x >= 0, sigmoid(x) elsewhere: above 0 everywhere (minGRU, arXiv 2410.01201)."""

    name = "positive_half"

    def forward(self, x: Tensor) -> Tensor:
        """x (...) -> (...)."""
        return torch.where(x >= 0, x + 0.5, x.sigmoid())


class MinGru(Mixer):
    """h_t = (1 - z_t) * h_{t-1} + z_t * act(W_h x_t), z = sigmoid(W_z x), y = W_o h.

    minGRU (arXiv 2410.01201). Its recurrence ends at h; W_o, the projection back of its expanded
    form, is always there, since a block adds y to its input.
    """

    name = "mingru"
    scaling = LINEAR

    class Spec(PartSpec):
        """Sizes and choices.

        expand: channels a feature of the width.
        candidate: activation of the candidate; `identity` is the paper's plain form, the default
            that of its log-space form, in which it was trained.
        bias: of W_z and W_h.
        scan: the backend of the element-wise scan.
        """

        expand: PositiveInt = 1
        candidate: PartSpec[Activation] = slot("activation", "positive_half")
        bias: bool = True
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, channels = place.width, spec.expand * place.width
        self.update = nn.Linear(width, channels, bias=spec.bias)
        self.candidate = nn.Linear(width, channels, bias=spec.bias)
        self.activation: Activation = spec.candidate.build()
        self.channels = Channels(spec.scan.build(), channels)
        self.project = nn.Linear(channels, width, bias=False)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        update = self.update(x)
        wide = update.to(torch.promote_types(x.dtype, torch.float32))
        candidate = self.activation(self.candidate(x))
        h = self.channels(F.logsigmoid(-wide), wide.sigmoid() * candidate, stream)
        return self.project(h.to(update.dtype))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The channels' equation, and their number."""
        return (*self.channels.recurrence(), ("layer", self.summary()))
