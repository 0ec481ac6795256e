"""HGRN: a gated linear RNN whose forget gates have a lower bound that rises with depth."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.operators import Hint, Norm, Place, Stream
from seqzoo.scan.part import ScanPart
from seqzoo.scan.precision import wide
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.elementwise.channels import Channels
from seqzoo_gla.lower_bounds import LowerBounds, forget_gates

__all__ = ["Hgrn"]


class Hgrn(Mixer):
    """h_t = f_t * h_{t-1} + (1 - f_t) * SiLU(W_i x_t), y = W_o (norm(h) * SiLU(W_g x)).

    f = b + (1 - b) sigmoid(W_f x); the bounds b of all layers, 0 in the first, are learned
    together (arXiv 2311.04823). The state is real; the paper also has a complex one.
    """

    name = "hgrn"
    hints: ClassVar = {"forget": Hint(decay=False)}
    scaling = LINEAR

    class Spec(PartSpec):
        """Sizes and choices; the defaults are those of the released real-valued layer.

        expand: channels a feature of the width.
        norm: of all channels of a token.
        scan: the backend of the element-wise scan.
        """

        expand: PositiveInt = 1
        norm: PartSpec[Norm] = slot("norm", "rms_norm")
        scan: PartSpec[ScanPart] = slot("scan", "auto")

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        width, channels = place.width, spec.expand * place.width
        self.inputs = nn.Linear(width, channels, bias=False)
        self.forget = nn.Linear(width, channels, bias=False)
        self.gate = nn.Linear(width, channels, bias=False)
        missing = (
            f"{self.name} layer {place.kin} finds no lower bounds: the first such layer of the "
            "model makes them; call the whole model"
        )
        self.bounds = LowerBounds(place, channels, self.name, missing)
        self.channels = Channels(spec.scan.build(), channels)
        self.norm: Norm = spec.norm.build(channels)
        self.project = nn.Linear(channels, width, bias=False)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        forget = self.forget(x)
        logits = wide(forget)
        log_forget, rest = forget_gates(logits, self.bounds(logits, stream))
        h = self.channels(log_forget, rest * F.silu(self.inputs(x)), stream)
        return self.project(self.norm(h.to(forget.dtype)) * F.silu(self.gate(x)))

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """The channels' equation, and their number."""
        return (*self.channels.recurrence(), ("layer", self.summary()))
