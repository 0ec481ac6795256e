"""Comba: a closed-loop controller, whose erase and queries are corrected by a damped key."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seqzoo.operators import (
    Dims,
    FirstWrite,
    Gate,
    LinearProjection,
    Place,
    Projection,
    Stream,
)
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot
from seqzoo_gla.delta.paired_delta import PairedInjection, PairedWrites

__all__ = ["CombaQueries", "CombaWrite", "CombaWrites"]


@dataclass(frozen=True, eq=False)
class CombaWrites(PairedWrites):
    """Comba's pair of keys, and the key that corrects its queries.

    Args:
        feedback: sigmoid(d) k, (B, T, G, K), from the key before its norm.
    """

    feedback: Tensor | None = None


class CombaWrite(PairedInjection):
    """B_t = beta_t v_t k_t^T, and p_t = sigmoid(d) k_t to erase with (Comba, arXiv 2506.02475).

    d is one number a key head, from 1.
    """

    name = "comba_write"

    class Spec(PartSpec):
        """How writes are made.

        key: a linear projection. value: a projection. strength: a gate.
        released: norm p as the key is normed, as both released implementations do, which undoes
            sigmoid(d): the erase is then that of a delta rule whatever d is.
        """

        key: LinearProjection.Spec = slot("projection", "linear", default_type="linear")
        value: PartSpec[Projection] = slot("projection", "linear", default_type="linear")
        strength: PartSpec[Gate] = slot("gate", "sigmoid")
        released: bool = False

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        place, self.released = dims.place, spec.released
        self.key: LinearProjection = spec.key.build(place, dims.key_heads, dims.key_size)
        self.value: Projection = spec.value.build(place, dims.heads, dims.value_size)
        self.strength: Gate = spec.strength.build(place, dims.heads)
        self.damping = nn.Parameter(torch.ones(dims.key_heads))

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """As its key's projection and its gate say."""
        return FirstWrite(spec.key.part.is_unit(spec.key), spec.strength.part.strength)

    @classmethod
    def most(cls, spec: Any) -> float:
        """1: sigmoid(d) or 1 of a key of length 1."""
        return 1.0 if spec.key.part.is_unit(spec.key) else math.inf

    def forward(self, u: Tensor, stream: Stream) -> CombaWrites:
        """u (B, T, D) -> writes of rank R = 1, p and the correction of the queries."""
        raw = self.key.unnormed(u, stream)
        keys, damping = self.key.normed(raw, stream), self.damping.sigmoid().unsqueeze(-1)
        feedback = damping * raw
        read = self.key.normed(feedback, stream) if self.released else damping * keys
        strengths = self.strength(u, stream, keys)
        return CombaWrites(
            keys.unsqueeze(2),
            self.value(u, stream).unsqueeze(2),
            None if strengths is None else strengths.unsqueeze(2),
            read=read,
            feedback=feedback,
        )


class CombaQueries(LinearProjection):
    """norm(q_t - D p_t), p_t = sigmoid(d) k_t before it is normed (Comba, arXiv 2506.02475).

    D is one number per head. With an injection other than `comba_write`, p_t is its first key.
    """

    name = "comba_queries"

    class Spec(LinearProjection.Spec):
        """A linear projection's settings, and D.

        correction: D before training; the authors start it at 0.02 in 340M parameters, 1 in 1.3B.
        """

        correction: float = 1.0

    def __init__(self, spec: Spec, place: Place, heads: int, size: int) -> None:
        super().__init__(spec, place, heads, size)
        self.correction = nn.Parameter(torch.full((heads,), spec.correction))

    def forward(self, u: Tensor, stream: Stream, writes: Writes | None = None) -> Tensor:
        """u (B, T, D), writes -> (B, T, heads, size)."""
        queries = self.unnormed(u, stream)
        if isinstance(writes, CombaWrites) and writes.feedback is not None:
            queries = queries - self.correction.unsqueeze(-1) * writes.feedback
        elif writes is not None:
            first = writes.keys[:, writes.steps - 1 :: writes.steps, 0]
            queries = queries - self.correction.unsqueeze(-1) * first
        return self.normed(queries, stream)
