"""The refinement steps in a trace, as the paper writes them: delta in rows, keys in columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqzoo.operators import Injection, Stream
from seqzoo.probe import Trace
from seqzoo.scan import Writes
from seqzoo_prism.concatenated import ConcatenatedInjection
from seqzoo_prism.residual_refinement import ResidualRefinement

__all__ = ["Refinement", "reads_before", "refinement_of", "states_before"]


@dataclass(frozen=True)
class Refinement:
    """What a layer's `residual_refinement` wrote.

    Attributes:
        part: the injection.
        u: (N, T, H, V), the anchor, cut into heads; None where values are of another size.
        value: (N, T, H, V), v.
        residual: (N, T, H, V), r^(1).
        keys: (N, T, L, H, K).
        deltas: (N, T, L, H, V).
        strengths: (N, T, L, H).
    """

    part: ResidualRefinement
    u: Tensor | None
    value: Tensor
    residual: Tensor
    keys: Tensor
    deltas: Tensor
    strengths: Tensor


@torch.no_grad()
def refinement_of(trace: Trace) -> Refinement | None:
    """The steps of a layer, None where it has none; of a sum with two refinements the later."""
    injection = getattr(trace.mixer, "injection", None)
    if injection is None or trace.u is None:
        return None
    u, stream = trace.u, Stream.over(trace.u)
    found = _found(injection, u, stream)
    if found is None:
        return None
    part, before = found
    value = part.value_of(u, stream, before)
    writes = part.after(u, stream, before)
    keys, deltas = writes.keys, writes.values
    if part.swapped:
        keys, deltas = deltas, keys
    assert writes.strengths is not None
    return Refinement(
        part,
        u.unflatten(-1, part.shape) if math.prod(part.shape) == u.shape[-1] else None,
        value,
        part.residual_of(u, value),
        keys.repeat_interleave(trace.heads // keys.shape[3], dim=3),
        deltas,
        writes.strengths,
    )


def _found(
    injection: Injection, u: Tensor, stream: Stream
) -> tuple[ResidualRefinement, Writes | None] | None:
    """A refinement, itself or somewhere in a sum, and the writes that it follows."""
    if isinstance(injection, ResidualRefinement):
        return injection, None
    if not isinstance(injection, ConcatenatedInjection):
        return None
    if isinstance(injection.then, ResidualRefinement):
        return injection.then, injection.first(u, stream)
    return _found(injection.then, u, stream) or _found(injection.first, u, stream)


def states_before(trace: Trace, refinement: Refinement) -> Iterator[tuple[int, Tensor]]:
    """For each token t, t and S_{t-1} (N, H, V, K), delta in rows."""
    for t, (before, _) in enumerate(trace.states()):
        yield t, before.mT if refinement.part.swapped else before


def reads_before(trace: Trace, refinement: Refinement) -> Iterator[tuple[int, Tensor]]:
    """For each token t, t and S_{t-1} k^(1) (N, H, V): what the anchor stands in for."""
    for t, state in states_before(trace, refinement):
        yield t, torch.einsum("nhvk,nhk->nhv", state, refinement.keys[:, t, 0])
