"""The sum of weights beside the weighted sum: linear attention's normaliser as one more value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from seqzoo.operators import Dims, Features, FirstWrite, Injection, Readout, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot

__all__ = ["CountedInjection", "NormalisedReadout", "divided", "with_ones"]


def with_ones(values: Tensor) -> Tensor:
    """(..., V) -> (..., V + 1): a last feature of 1."""
    return torch.cat([values, torch.ones_like(values[..., :1])], dim=-1)


def divided(features: Features) -> Features:
    """The features of a token, its values without their last feature of 1."""
    writes = features.writes
    return replace(features, writes=replace(writes, values=writes.values[..., :-1]))


class CountedInjection(Injection):
    """[v_t, 1] k_t^T: any injection, and the sum of its keys n_t = sum k in the state's last row.

    Decays and strengths act on both alike, so that reads divided by their last feature are a
    weighted mean. The readout that divides is `normalised`.
    """

    name = "counted"
    counts = True

    class Spec(PartSpec):
        """injection: makes the writes."""

        injection: PartSpec[Injection] = slot("injection", "rank_one")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.injection: Injection = spec.injection.build(dims)

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """The first write of the injection inside."""
        return spec.injection.part.first_write(spec.injection)

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """The injection inside may ask for a forget; sums are counted once."""
        if spec.injection.part.counts:
            return (
                f"injection '{cls.name}' adds a sum of weights, and so does '"
                f"{spec.injection.part.name}' inside it; one of them is enough"
            )
        return spec.injection.part.misfit(spec.injection, forget)

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> writes with values (B, T, R, H, V + 1)."""
        writes = self.injection(u, stream)
        return replace(writes, values=with_ones(writes.values))


class NormalisedReadout(Readout):
    """y = readout(o / (n^T q + epsilon)), n the sum of the written keys (arXiv 2006.16236).

    The injection that sums them is `counted`, around any other.
    """

    name = "normalised"
    divides = True

    class Spec(PartSpec):
        """epsilon: added to the sum. readout: what is done to the means."""

        epsilon: float = Field(default=1e-6, ge=0.0)
        readout: PartSpec[Readout] = slot("readout", "linear")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.epsilon = spec.epsilon
        self.readout: Readout = spec.readout.build(dims)

    @classmethod
    def misfit(cls, spec: Any, injection: Any) -> str:
        """Sums are divided by once."""
        if spec.readout.part.divides:
            return (
                f"readout '{cls.name}' divides by the sum of weights, and so does its own readout "
                f"'{spec.readout.part.name}'; one of them is enough"
            )
        return super().misfit(spec, injection)

    def forward(self, reads: Tensor, features: Features, stream: Stream) -> Tensor:
        """reads (B, T, H, V + 1) -> y (B, T, D)."""
        means = reads[..., :-1] / (self.sums(reads[..., -1:], features) + self.epsilon)
        return self.readout(means, divided(features), stream)

    def sums(self, read: Tensor, features: Features) -> Tensor:
        """What the reads are divided by, from the read n^T q (B, T, H, 1) -> (B, T, H, 1)."""
        return read
