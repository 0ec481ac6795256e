"""The number of directions along which a token writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from pydantic import Field

from seqzoo.probe.findings import Plot, Value
from seqzoo.probe.probe import Probe, Subject
from seqzoo.probe.sampling import some_tokens
from seqzoo.probe.trace import Trace
from seqzoo.spec import PartSpec

__all__ = ["WriteRank"]


class WriteRank(Probe):
    """Numerical and effective rank of B_t after each of a token's writes."""

    name = "write_rank"
    title = "Rank of what a token writes"
    meaning = (
        "rank counts the singular values of the first l writes' sum that exceed `tolerance` times "
        "the largest; effective is the exponential of the entropy of their shares."
    )
    plot = Plot("write", ("rank", "effective"), "layer", "writes summed", "rank of their sum")

    class Spec(PartSpec):
        """tolerance: the least singular value that counts, as a share of the largest."""

        tolerance: float = Field(default=1e-3, gt=0.0, lt=1.0)

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.tolerance = spec.tolerance

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and number of writes."""
        return [row for trace in subject.traces for row in self._of_layer(trace)]

    def _of_layer(self, trace: Trace) -> Iterator[dict[str, Value]]:
        for count in range(1, trace.writes.keys.shape[2] + 1):
            sizes = torch.linalg.svdvals(some_tokens(_first_writes(trace, count).injections()))
            sizes = sizes[sizes[:, 0] > 0]
            if not len(sizes):
                continue
            ranks = (sizes > self.tolerance * sizes[:, :1]).sum(1).double()
            shares = sizes / sizes.sum(1, keepdim=True)
            entropy = -torch.special.xlogy(shares, shares).sum(1)
            yield {
                "layer": trace.layer,
                "write": count,
                "rank": float(ranks.mean()),
                "full": float((ranks == ranks.max()).double().mean()),
                "effective": float(entropy.exp().mean()),
            }


def _first_writes(trace: Trace, count: int) -> Trace:
    writes = trace.writes
    strengths = writes.strengths
    return replace(
        trace,
        writes=replace(
            writes,
            keys=writes.keys[:, :, :count],
            values=writes.values[:, :, :count],
            strengths=None if strengths is None else strengths[:, :, :count],
        ),
    )
