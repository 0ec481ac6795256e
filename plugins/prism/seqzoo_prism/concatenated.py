"""Two injections as one: their writes side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqzoo.operators import Dims, FirstWrite, Injection, Stream
from seqzoo.scan import Writes
from seqzoo.spec import PartSpec, slot
from seqzoo_prism.following import FollowingInjection

__all__ = ["ConcatenatedInjection", "side_by_side"]


class ConcatenatedInjection(Injection):
    """B_t = B_t^first + B_t^then: rank R_first + R_then. Either may be such a sum itself."""

    name = "concatenated"

    class Spec(PartSpec):
        """Two injections.

        first: the one whose first write an erase may be tied to.
        then: the other; `residual_refinement` may take its value and keys from the first.
        """

        first: PartSpec[Injection] = slot("injection", "rank_one")
        then: PartSpec[Injection] = slot("injection", "residual_refinement")

    def __init__(self, spec: Spec, dims: Dims) -> None:
        super().__init__(spec, dims)
        self.first: Injection = spec.first.build(dims)
        follows = issubclass(spec.then.part, FollowingInjection)
        self.then: Injection = spec.then.build(dims, **({"follows": True} if follows else {}))

    @classmethod
    def first_write(cls, spec: Any) -> FirstWrite:
        """The first write of the first injection."""
        return spec.first.part.first_write(spec.first)

    @classmethod
    def micro_steps(cls, spec: Any) -> int:
        """Those of both."""
        return spec.first.part.micro_steps(spec.first)

    @classmethod
    def misfit(cls, spec: Any, forget: Any) -> str:
        """Either may ask for a forget, and both must write in as many micro-steps."""
        first, then = spec.first, spec.then
        for each in (first, then):
            if each.part.counts:
                return (
                    f"'{cls.name}' has no sum of weights over both its injections, and "
                    f"'{each.part.name}' makes one of its own; write its injection here instead"
                )
        of_first, of_then = (each.part.micro_steps(each) for each in (first, then))
        if of_first != of_then:
            return (
                f"'concatenated' puts the writes of '{first.part.name}' and '{then.part.name}' "
                f"side by side, and a token has {of_first} of one after the other and {of_then} "
                "of the other; give both as many micro-steps"
            )
        return first.part.misfit(first, forget) or then.part.misfit(then, forget)

    def forward(self, u: Tensor, stream: Stream) -> Writes:
        """u (B, T, D) -> the writes of both."""
        first = self.first(u, stream)
        if isinstance(self.then, FollowingInjection):
            return side_by_side(first, self.then.after(u, stream, first))
        return side_by_side(first, self.then(u, stream))


def side_by_side(first: Writes, then: Writes) -> Writes:
    """Writes of rank R and R' -> of rank R + R'; strengths of 1 where only one has strengths."""
    if first.steps != then.steps:
        raise ValueError(
            f"writes of {first.steps} and of {then.steps} micro-steps a token cannot stand side by "
            "side"
        )
    strengths = None
    if first.strengths is not None or then.strengths is not None:
        strengths = torch.cat([_strengths(first), _strengths(then)], dim=2)
    return Writes(
        torch.cat([first.keys, then.keys], dim=2),
        torch.cat([first.values, then.values], dim=2),
        strengths,
        first.steps,
    )


def _strengths(writes: Writes) -> Tensor:
    if writes.strengths is not None:
        return writes.strengths
    return writes.values.new_ones(writes.values.shape[:-1])
