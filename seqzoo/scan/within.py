"""The exact chunked form on a chunk's factors, and its gradients written out.

Inside a chunk that starts from state S, with queries' scores and starts A, q and erase reads'
N, r (A and N have a row a reading token, a column a key; N is strictly lower triangular in each
key stream), key ends E, and V the values under each key, stream 0 is the erase's key: there

    (I + N_0) V_0 = W_0 - sum_{l>0} N_l V_l - r S^T        W_0 = 0 if the erase has its own key
    O  = A V + q S^T
    S' = S Diag(kept) + V^T E

V_0 is affine in S. With L = (I + N_0)^-1, computed once a chunk, X = -L r, and Y = V_0 at S = 0,

    V_0 = Y + X S^T        S' = S (Diag(kept) + X^T E_0) + V^T E at V_0 = Y

so all that is serial is one matrix product a chunk. Backward, a bar for gradients, it is the same
in reverse, bar(S) = bar(S') (Diag(kept) + X^T E_0)^T + bar(O)^T (q + A_0 X), and with
B = bar(W_0) = L^T (A_0^T bar(O) + E_0 bar(S')^T) and the block rows Z = [bar(O); -B],

    bar([A; N]) = Z V^T        bar([q; r]) = Z S        bar(E) = V bar(S')
    bar(V_l) = [A; N]_l^T Z + E_l bar(S')^T             bar(kept) = sum_v S bar(S')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.carry import ChunkSteps, carry, carry_back
from seqzoo.scan.factors import ChunkFactors


class Solved(NamedTuple):
    """What the backward needs beside the factors.

    Attributes:
        values: (M, C * Q, V), V.
        states: (M, V, K), S of each chunk; None if every sequence is one chunk from zero.
        inverse: (M, C, C), L; None without erase.
        removed: (M, C, K), X; None without erase or states; so is the next.
        matrix: (M, K, K), Diag(kept) + X^T E_0.
    """

    values: Tensor
    states: Tensor | None
    inverse: Tensor | None
    removed: Tensor | None
    matrix: Tensor | None


class WithinGradients(NamedTuple):
    """factors: see `ChunkFactors`; values (M, C * Q, V); state (L, V, K), None if there is none."""

    factors: ChunkFactors
    values: Tensor
    state: Tensor | None


def run_chunks(
    factors: ChunkFactors,
    values: Tensor,
    chunk: int,
    state: Tensor | None,
    lanes: Sequence[int],
) -> tuple[Tensor, Tensor, Solved]:
    """Outputs (M, C, V), final states (L, V, K), and what the backward needs.

    Args:
        factors: of all M chunks; P = 2 kinds of reading rows where there is an erase.
        values: (M, C * Q, V), W, overwritten; zeros in the stream of an erase's own key.
        chunk: C.
        state: (L, V, K); None is zero, and every sequence and head has a chunk.
        lanes: how many sequences and heads have a chunk at each step.
    """
    scores, starts, ends, kept = factors
    assert starts is not None
    assert ends is not None
    erased = inverse = removed = matrix = None
    carries = state is not None or len(lanes) > 1
    streams = values.shape[1] // chunk
    first = values[:, ::streams]
    if scores.shape[2] > chunk:  # there is an erase
        inverse = _invert(scores[:, ::streams, chunk:])
        right = first if streams == 1 else first.clone(memory_format=torch.contiguous_format)
        for stream in range(1, streams):
            across = scores[:, stream::streams, chunk:].mT
            right.baddbmm_(across, values[:, stream::streams], alpha=-1)
        erased = torch.bmm(inverse, right)
        first.copy_(erased)
        if carries:
            removed, matrix = chunk_steps(factors, inverse)

    if not carries:
        outputs = torch.bmm(scores[:, :, :chunk].mT, values)
        final = torch.bmm(values.mT, ends)
        return outputs, final, Solved(values, None, inverse, None, None)
    total = lanes[0] if state is None else len(state)
    buffer = values.new_empty(total + len(values), values.shape[-1], ends.shape[-1])
    _fill(buffer[:total], state)
    torch.bmm(values.mT, ends, out=buffer[total:])
    states, final = carry(buffer, ChunkSteps(matrix, kept), lanes)
    if removed is not None:
        assert erased is not None
        first.copy_(erased.baddbmm_(removed, states.mT))
    outputs = torch.bmm(scores[:, :, :chunk].mT, values)
    outputs.baddbmm_(starts[:, :chunk], states.mT)
    return outputs, final.clone(), Solved(values, states, inverse, removed, matrix)


def chunk_steps(factors: ChunkFactors, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """What an erase does to the states: `Solved.removed` and `Solved.matrix`."""
    _, starts, ends, kept = factors
    assert starts is not None
    assert ends is not None
    chunk = inverse.shape[1]
    removed = torch.bmm(inverse, starts[:, chunk:]).neg_()
    matrix = torch.bmm(removed.mT, ends[:, :: ends.shape[1] // chunk])
    matrix.diagonal(dim1=1, dim2=2).add_(1.0 if kept is None else kept[:, 0])
    return removed, matrix


def run_chunks_back(
    factors: ChunkFactors,
    solved: Solved,
    rows: Tensor,
    final: Tensor | None,
    lanes: Sequence[int],
    total: int,
) -> WithinGradients:
    """The gradients of `run_chunks`' arguments.

    Args:
        factors: as given to `run_chunks`.
        solved: what it saved.
        rows: (M, P * C, V), the outputs' gradient in the first C; the rest is overwritten.
        final: (L, V, K), the final states' gradient; None is zero.
        lanes: as given to `run_chunks`.
        total: L.
    """
    scores, starts, ends, kept = factors
    values, states, inverse, removed, matrix = solved
    assert starts is not None
    assert ends is not None
    chunk = rows.shape[1] if inverse is None else inverse.shape[1]
    streams = values.shape[1] // chunk
    outputs = rows[:, :chunk]

    after, of_state, of_kept = final, None, None
    if states is not None:
        reads = starts[:, :chunk]
        if removed is not None:
            reads = torch.baddbmm(reads, scores[:, ::streams, :chunk].mT, removed)
        buffer = states.new_empty(len(states) + total, *states.shape[1:])
        torch.bmm(outputs.mT, reads, out=buffer[: len(states)])
        _fill(buffer[len(states) :], final)
        after, of_state = carry_back(buffer, ChunkSteps(matrix, kept), lanes)
        if kept is not None:
            of_kept = (states * after).sum(1, keepdim=True)
            if kept.shape[2] == 1:
                of_kept = of_kept.sum(2, keepdim=True)

    of_values = torch.bmm(scores[:, :, :chunk], outputs)
    if after is not None:
        of_values.baddbmm_(ends, after.mT)
    if inverse is not None:
        right = torch.bmm(inverse.mT, of_values[:, ::streams])
        negated = torch.neg(right, out=rows[:, chunk:])
        if streams > 1:
            of_values.baddbmm_(scores[:, :, chunk:], negated)
        of_values[:, ::streams] = right

    of_scores = torch.bmm(values, rows.mT)
    of_starts = None if states is None else torch.bmm(rows, states)
    of_ends = None if after is None else torch.bmm(values, after)
    of_factors = ChunkFactors(of_scores, of_starts, of_ends, of_kept)
    return WithinGradients(of_factors, of_values, of_state)


def _invert(strict_upper: Tensor) -> Tensor:
    """(I + strict_upper^T)^-1 by substitution, which is stable; (M, C, C)."""
    chunk = strict_upper.shape[-1]
    eye = torch.eye(chunk, dtype=strict_upper.dtype, device=strict_upper.device)
    return torch.linalg.solve_triangular(
        strict_upper.mT, eye, upper=False, unitriangular=True, left=False
    )


def _fill(buffer: Tensor, states: Tensor | None) -> None:
    if states is None:
        buffer.zero_()
    else:
        buffer.copy_(states)
