"""Rodimus: one wide head whose decay and write share a temperature."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Hint, Memory, Place, ShortConv, Stream, linear, unit_norm
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, slot

__all__ = ["RodimusMixer"]

EPSILON = 1e-5


class RodimusMixer(Mixer):
    """S_t = S_{t-1} Diag(exp(-g tau)) + v (unit(k) g^tau)^T, one head of twice the width (Rodimus).

    u = W_up x, c = SiLU(conv(u)); g = softplus(W_g c + b), tau = sigmoid(W_t c + b);
    alpha = exp(-g tau), k = unit(W_k c) g^tau, v = sigmoid(W_2 W_1 u + b) * u, q = W_q c;
    y = W_down RMSNorm((S q / sqrt(K) + w * c) SiLU(W_gate x)) (arXiv 2410.06577).

    A mixer of its own: no slot of `recurrent` works at twice the width, and v is made from u while
    everything else is made from c.
    """

    name = "rodimus"
    hints: ClassVar = {"rate": Hint(decay=False)}
    scaling = LINEAR

    class Spec(PartSpec):
        """Sizes of the layer.

        expand: features of u, as a multiple of the width.
        key_size: K.
        kernel_size: of the convolution, which has a bias.
        rank: of the gate on values; null is a 64th of the width, 16 at least.
        scan: the backend.
        """

        expand: PositiveInt = 2
        key_size: PositiveInt = 64
        kernel_size: int = Field(default=4, ge=1, le=64)
        rank: PositiveInt | None = None
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, inner, size = place.width, spec.expand * place.width, spec.key_size
        rank = spec.rank or max(width // 64, 16)
        self.project_up = nn.Linear(width, inner, bias=False)
        self.gate = nn.Linear(width, inner, bias=False)
        self.conv = ShortConv(inner, spec.kernel_size, bias=True)
        self.queries, self.key = (nn.Linear(inner, size, bias=False) for _ in range(2))
        self.rate, self.temperature = (nn.Linear(inner, size) for _ in range(2))
        self.input_gate = linear(inner, inner, bias=True, rank=rank)
        self.memory = Memory(spec.scan.build(), size**-0.5)
        self.skip, self.weight = (nn.Parameter(torch.ones(inner)) for _ in range(2))
        self.project = nn.Linear(inner, width, bias=False)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        u = self.project_up(x)
        c = F.silu(self.conv(u, stream))
        rate, temperature = F.softplus(self.rate(c)), self.temperature(c).sigmoid()
        rate = rate.clamp_min(torch.finfo(rate.dtype).tiny)  # 0 ** tau has no slope
        keys = unit_norm(self.key(c)) * rate**temperature
        values = self.input_gate(u).sigmoid() * u
        transition = Transition((-rate * temperature).unsqueeze(2))
        writes = Writes(keys[:, :, None, None], values[:, :, None, None])
        reads = self.memory(self.queries(c).unsqueeze(2), transition, writes, stream).squeeze(2)
        y = (reads + self.skip.to(c.dtype) * c) * F.silu(self.gate(x))
        return self.project(F.rms_norm(y, y.shape[-1:], self.weight.to(y.dtype), EPSILON))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The state and its gates."""
        size, inner = self.key.out_features, self.key.in_features
        return (
            ("state", f"S_t = S_(t-1) Diag(alpha_t) + v_t k_t^T; 1 head, S is {inner} x {size}"),
            ("gates", "alpha = exp(-g tau), k = unit(W_k c) g^tau, v = sigmoid(W_2 W_1 u + b) * u"),
            ("readout", "y = W_down RMSNorm((o + w * c) SiLU(W_gate x))"),
        )
