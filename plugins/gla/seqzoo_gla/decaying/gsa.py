"""Gated slot attention: a softmax between two passes of the scan over the same slots."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from seqzoo.model import Mixer
from seqzoo.model.duality import LINEAR
from seqzoo.model.heads import default_heads, groups_misfit, heads_misfit
from seqzoo.operators import (
    Dims,
    Features,
    Hint,
    Memory,
    Place,
    Projection,
    Readout,
    Stream,
    linear,
)
from seqzoo.scan import Transition, Writes
from seqzoo.scan.part import ScanPart
from seqzoo.spec import PartSpec, since, slot

__all__ = ["GatedSlotMixer"]

SILU = {"type": "linear", "activation": "silu"}


class GatedSlotMixer(Mixer):
    """K~ = Diag(f) K~ + (1 - f) k^T, V~ likewise with v, o = V~^T softmax(K~ q) (GSA).

    f = sigmoid(W_f x)^(1/8) is one number a head and slot, and slots are rows: the first pass is
    the shared recurrence on the state k (1 - f)^T read with its transpose, the second the usual one
    (arXiv 2409.07146). No scale. The readout is W_o RMSNorm(SiLU(o)) over all heads.
    """

    name = "gsa"
    hints: ClassVar = {"forget": Hint(decay=False)}
    scaling = LINEAR

    class Spec(PartSpec):
        """Sizes, and what stands around the two passes.

        heads: H; null is one for every head_size features. head_size: of a head, where heads is
            null.
        key_heads: G, heads of keys, values and f, each shared by H / G queries; null is H.
        slots: M of each head; null is the features of a head.
        queries, key, value: projections of x.
        damping: the log of f is divided by it.
        scan: the backend of both passes.
        readout: reads and x -> y.
        """

        heads: PositiveInt | None = None
        head_size: PositiveInt = 64
        key_heads: PositiveInt | None = since("0.2", None)
        slots: PositiveInt | None = None
        queries: PartSpec[Projection] = slot("projection", SILU, default_type="linear")
        key: PartSpec[Projection] = slot("projection", SILU, default_type="linear")
        value: PartSpec[Projection] = slot("projection", SILU, default_type="linear")
        damping: float = Field(default=8.0, gt=0.0)
        scan: PartSpec[ScanPart] = slot("scan", "auto")
        readout: PartSpec[Readout] = slot("readout", {"type": "joint", "activation": "silu"})

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        heads = spec.heads or default_heads(place.width, spec.head_size)
        size = place.width // heads
        self.shape, self.damping = (heads, spec.slots or size), spec.damping
        groups = spec.key_heads or heads
        self.sharing = heads // groups
        self.queries: Projection = spec.queries.build(place, heads, size)
        self.key: Projection = spec.key.build(place, groups, size)
        self.value: Projection = spec.value.build(place, groups, size)
        self.forget = linear(place.width, groups * self.shape[1])
        self.keys_of_slots = Memory(spec.scan.build(), transposed=True)
        self.values_of_slots = Memory(spec.scan.build())
        self.readout: Readout = spec.readout.build(Dims(place, heads, self.shape[1], size))

    @classmethod
    def misfit(cls, spec: Any, width: int) -> str:
        """A readout of sums or of several reads; heads that do not divide the width, or are not a
        multiple of the key heads."""
        readout = spec.readout.part
        if readout.divides or readout.joins:
            does = "divides by a sum of weights" if readout.divides else "joins several reads"
            return (
                f"readout '{readout.name}' {does}, and mixer '{cls.name}' makes one read a token "
                "without such a sum; choose another readout"
            )
        heads = spec.heads or default_heads(width, spec.head_size)
        return heads_misfit(width, spec.heads, cls.name) or groups_misfit(
            heads, spec.key_heads, cls.name
        )

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        """x (B, T, D) -> y (B, T, D)."""
        logits = self._to_heads(self.forget(x).unflatten(-1, (-1, self.shape[1])))
        log_decay = F.logsigmoid(logits) / self.damping
        taken = -torch.expm1(log_decay).unsqueeze(2)  # (B, T, 1, H, M)
        transition = Transition(log_decay)
        of_keys = Writes(taken, self._to_heads(self.key(x, stream)).unsqueeze(2))
        of_values = Writes(taken, self._to_heads(self.value(x, stream)).unsqueeze(2))
        queries = self.queries(x, stream)
        shares = self.keys_of_slots(queries, transition, of_keys, stream).softmax(-1)
        reads = self.values_of_slots(shares, transition, of_values, stream)
        return self.readout(reads, Features(x, x, shares, of_values), stream)

    def _to_heads(self, x: Tensor) -> Tensor:
        """(B, T, G, ...) -> (B, T, H, ...)."""
        return x if self.sharing == 1 else x.repeat_interleave(self.sharing, dim=2)

    def recurrence(self) -> tuple[tuple[str, str], ...]:
        """Both passes, and their sizes."""
        heads, slots = self.shape
        size = self.place.width // heads
        return (
            ("keys", f"K~_t = Diag(f_t) K~_(t-1) + (1 - f_t) k_t^T; {heads} x {slots} x {size}"),
            ("values", f"V~_t = Diag(f_t) V~_(t-1) + (1 - f_t) v_t^T; {heads} x {slots} x {size}"),
            ("read", "o_t = V~_t^T softmax(K~_t q_t)"),
            (f"readout {self.readout.name}", self.readout.summary()),
        )
