"""The gradients of the exact chunked form (`algorithm`), written out.

With a bar for gradients, the state's runs from the last chunk to the first,

    bar(S) = bar(S') (Diag(kept) + X^T E_0)^T + bar(O)^T (q + A_0 X)

and with B = bar(W_0) = L^T (A_0^T bar(O) + E_0 bar(S')^T) and the block rows Z = [bar(O); -B],

    bar([A; N]) = Z V^T        bar([q; r]) = Z S        bar(E) = V bar(S')
    bar(V_l) = [A; N]_l^T Z + E_l bar(S')^T             bar(kept) = sum_v S bar(S')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.algorithm import Solved
from seqzoo.scan.chunked.chunk_factors import ChunkFactors
from seqzoo.scan.chunked.state_pass import ChunkSteps, carry_back


class ChunkGradients(NamedTuple):
    """factors: see `ChunkFactors`; values (M, C * Q, V); state (L, V, K), None if there is none."""

    factors: ChunkFactors
    values: Tensor
    state: Tensor | None


def run_chunks_back(
    factors: ChunkFactors,
    solved: Solved,
    rows: Tensor,
    final: Tensor | None,
    lanes: Sequence[int],
    total: int,
) -> ChunkGradients:
    """The gradients of `run_chunks`' arguments.

    Args:
        factors: as given to `run_chunks`.
        solved: what it saved.
        rows: (M, N, V), the outputs' gradient in the queries' rows; the rest is overwritten.
        final: (L, V, K), the final states' gradient; None is zero.
        lanes: as given to `run_chunks`.
        total: L.
    """
    scores, starts, ends, kept = factors
    values, states, inverse, removed, matrix = solved
    assert starts is not None
    assert ends is not None
    queries = rows.shape[1] if inverse is None else rows.shape[1] - inverse.shape[1]
    streams = 1 if inverse is None else values.shape[1] // inverse.shape[1]
    outputs = rows[:, :queries]

    after, of_state, of_kept = final, None, None
    if states is not None:
        reads = starts[:, :queries]
        if removed is not None:
            reads = torch.baddbmm(reads, scores[:, ::streams, :queries].mT, removed)
        buffer = states.new_empty(len(states) + total, *states.shape[1:])
        torch.bmm(outputs.mT, reads, out=buffer[: len(states)])
        _fill(buffer[len(states) :], final)
        after, of_state = carry_back(buffer, ChunkSteps(matrix, kept), lanes)
        if kept is not None:
            of_kept = (states * after).sum(1, keepdim=True)
            if kept.shape[2] == 1:
                of_kept = of_kept.sum(2, keepdim=True)

    of_values = torch.bmm(scores[:, :, :queries], outputs)
    if after is not None:
        of_values.baddbmm_(ends, after.mT)
    if inverse is not None:
        right = torch.bmm(inverse.mT, of_values[:, ::streams])
        negated = torch.neg(right, out=rows[:, queries:])
        if streams > 1:
            of_values.baddbmm_(scores[:, :, queries:], negated)
        of_values[:, ::streams] = right

    of_scores = torch.bmm(values, rows.mT)
    of_starts = None if states is None else torch.bmm(rows, states)
    of_ends = None if after is None else torch.bmm(values, after)
    of_factors = ChunkFactors(of_scores, of_starts, of_ends, of_kept)
    return ChunkGradients(of_factors, of_values, of_state)


def _fill(buffer: Tensor, states: Tensor | None) -> None:
    if states is None:
        buffer.zero_()
    else:
        buffer.copy_(states)
