"""Delta rules that read with one vector and erase along another."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seqzoo.operators import Dims, Features, Injection, Stream
from seqzoo.scan import Erase, Writes
from seqzoo_gla.delta.erasing import DecaySpec, ErasingForget

__all__ = ["PairedDelta", "PairedInjection", "PairedWrites"]


@dataclass(frozen=True, eq=False)
class PairedWrites(Writes):
    """Writes, and the vector that the erase before them reads with.

    Args:
        read: r, (B, T, G, K).
    """

    read: Tensor | None = None


class PairedInjection(Injection):
    """An injection that makes a pair: the key k to write along, and r for the erase to read
    with."""

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """Only `paired_delta` reads with r."""
        if issubclass(forget.part, PairedDelta):
            return ""
        return (
            f"'{cls.name}' makes a vector for the erase to read with, and '{forget.part.name}' "
            "does not take it; use forget: paired_delta"
        )

    @classmethod
    @abstractmethod
    def most(cls, spec: Any) -> float:
        """The largest abs(r^T k) of a pair; inf for none."""

    @abstractmethod
    def forward(self, u: Tensor, stream: Stream) -> PairedWrites:
        """u (B, T, D) -> writes with strengths, and r."""


class PairedDelta(ErasingForget):
    """A_t = Diag(alpha_t)(I - beta_t r_t k_t^T), r and k a pair that the injection makes.

    beta is the strength of the write along k. In the scan this costs what a delta rule costs.
    """

    name = "paired_delta"

    class Spec(DecaySpec):
        """What is kept.

        decay: any forget that only decays.
        before_decay: r reads the state before it decays, A_t = Diag(alpha_t) - beta_t r_t k_t^T.
        """

        before_decay: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.before_decay = spec.before_decay

    @classmethod
    def erase_misfit(cls, spec: Any, injection: Any) -> str:
        """The injection must make pairs, and bound beta r^T k."""
        part = injection.part
        if not issubclass(part, PairedInjection):
            return (
                f"'{cls.name}' reads with a vector that '{part.name}' does not make; use an "
                "injection such as comba_write or preconditioned_write, or forget: gated_delta"
            )
        strength = part.first_write(injection).strength
        if strength in ("none", "unbounded"):
            return (
                f"'{cls.name}' erases with the strength of '{part.name}', which has no bound; give "
                "the injection strength: sigmoid"
            )
        product, allowed = part.most(injection), 1.0 if spec.before_decay else 2.0
        if product == math.inf:
            return (
                f"'{cls.name}' erases along the key of '{part.name}', whose norm is not bounded; "
                "give the injection's key norm: unit"
            )
        largest = (2.0 if strength == "unit_keys" else 1.0) * product
        if largest > allowed:
            step = "strength: sigmoid" if product <= allowed else "before_decay: false"
            return (
                f"'{cls.name}' erases up to {largest:g} of what is there with '{part.name}', and "
                f"more than {allowed:g} lets the state grow without bound; write {step}"
            )
        return ""

    def erase(self, features: Features, stream: Stream) -> Erase:
        """The pair as it is."""
        writes = features.writes
        if not isinstance(writes, PairedWrites) or writes.strengths is None:
            raise TypeError("the injection made no pair")
        return Erase(
            read=writes.read,
            strength=writes.strengths[:, :, 0],
            along_key=True,
            before_decay=self.before_decay,
        )
