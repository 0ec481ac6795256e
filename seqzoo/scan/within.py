"""The exact chunked form on a chunk's factors, and its gradients written out.

Inside a chunk that starts from state S, with queries' scores and starts A, q and erase reads'
N, r (A and N have a row a reading token, a column a key; N is strictly lower triangular in each
key stream), key ends E, and V the values under each key, stream 0 is the erase's key: there

    (I + N_0) V_0 = W_0 - sum_{l>0} N_l V_l - r S^T        W_0 = 0 if the erase has its own key
    O  = A V + q S^T
    S' = S Diag(kept) + V^T E

V_0 is affine in S. With L = (I + N_0)^-1, computed once a chunk, and X = L r, Y = V_0 at S = 0,

    V_0 = Y - X S^T,    O = A V|_Y + (q - A_0 X) S^T,    S' = S (Diag(kept) - X^T E_0) + V|_Y^T E

so all that is serial is one matrix product a chunk. Backward, a bar for gradients, the same steps
serve in reverse, bar(S) = bar(S') (Diag(kept) - X^T E_0)^T + bar(O)^T (q - A_0 X), and with
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
        values: (M, Q * C, V), V at S = 0 in stream 0.
        states: (M, V, K), S of each chunk; None if every sequence is one chunk from zero.
        inverse: (M, C, C), L; None without erase.
        removed: (M, C, K), X; None without erase or states; so are the next two.
        reads: (M, C, K), q - A_0 X.
        matrix: (M, K, K), Diag(kept) - X^T E_0.
    """

    values: Tensor
    states: Tensor | None
    inverse: Tensor | None
    removed: Tensor | None
    reads: Tensor | None
    matrix: Tensor | None


class WithinGradients(NamedTuple):
    """factors: see `ChunkFactors`; values (M, Q * C, V); state (L, V, K), None if there is none."""

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
        values: (M, Q * C, V), W, overwritten; zeros in the stream of an erase's own key.
        chunk: C.
        state: (L, V, K); None is zero, and every sequence and head has a chunk.
        lanes: how many sequences and heads have a chunk at each step.
    """
    scores, starts, ends, kept = factors
    assert starts is not None
    assert ends is not None
    carries = state is not None or len(lanes) > 1
    inverse = removed = reads = matrix = None
    if scores.shape[2] > chunk:  # there is an erase
        inverse = _invert(scores[:, :chunk, chunk:])
        right = values[:, :chunk]
        if values.shape[1] > chunk:
            right = torch.baddbmm(right, scores[:, chunk:, chunk:].mT, values[:, chunk:], alpha=-1)
        values[:, :chunk] = torch.bmm(inverse, right)
        if carries:
            removed = torch.bmm(inverse, starts[:, chunk:])
            seen = scores[:, :chunk, :chunk].mT
            reads = torch.baddbmm(starts[:, :chunk], seen, removed, alpha=-1)
            eye = torch.eye(ends.shape[-1], dtype=ends.dtype, device=ends.device)
            unchanged = eye if kept is None else eye * kept
            matrix = torch.baddbmm(unchanged, removed.mT, ends[:, :chunk], alpha=-1)

    outputs = torch.bmm(scores[:, :, :chunk].mT, values)
    if not carries:
        solved = Solved(values, None, inverse, None, None, None)
        return outputs, torch.bmm(values.mT, ends), solved
    total = lanes[0] if state is None else len(state)
    buffer = values.new_empty(total + len(values), values.shape[-1], ends.shape[-1])
    _fill(buffer[:total], state)
    torch.bmm(values.mT, ends, out=buffer[total:])
    states, final = carry(buffer, ChunkSteps(matrix, kept), lanes)
    outputs.baddbmm_(starts if reads is None else reads, states.mT)
    return outputs, final.clone(), Solved(values, states, inverse, removed, reads, matrix)


def run_chunks_back(
    factors: ChunkFactors,
    solved: Solved,
    outputs: Tensor,
    final: Tensor | None,
    lanes: Sequence[int],
    total: int,
) -> WithinGradients:
    """The gradients of `run_chunks`' arguments.

    Args:
        factors: as given to `run_chunks`.
        solved: what it saved.
        outputs: (M, C, V), the outputs' gradient.
        final: (L, V, K), the final states' gradient; None is zero.
        lanes: as given to `run_chunks`.
        total: L.
    """
    scores, starts, key_ends, kept = factors
    values, states, inverse, removed, reads, matrix = solved
    assert key_ends is not None
    chunk = outputs.shape[1]

    after, of_state, of_kept = final, None, None
    if states is not None:
        reads = starts if reads is None else reads
        assert reads is not None
        buffer = states.new_empty(len(states) + total, *states.shape[1:])
        torch.bmm(outputs.mT, reads, out=buffer[: len(states)])
        _fill(buffer[len(states) :], final)
        after, of_state = carry_back(buffer, ChunkSteps(matrix, kept), lanes)
        if kept is not None:
            of_kept = (states * after).sum(1, keepdim=True)
            if kept.shape[2] == 1:
                of_kept = of_kept.sum(2, keepdim=True)
    if removed is not None:
        assert states is not None
        first = torch.baddbmm(values[:, :chunk], removed, states.mT, alpha=-1)
        values = torch.cat((first, values[:, chunk:]), dim=1)

    def of_streams(streams: slice, rows: Tensor) -> Tensor:
        """The gradient of some streams' values, from reading rows and the chunk's end."""
        read = torch.bmm(scores[:, streams, : rows.shape[1]], rows)
        return read if after is None else read.baddbmm_(key_ends[:, streams], after.mT)

    rows = outputs
    if inverse is None:
        of_values = of_streams(slice(None), rows)
    else:
        of_values = torch.bmm(inverse.mT, of_streams(slice(chunk), outputs))
        rows = torch.cat((outputs, -of_values), dim=1)
        if values.shape[1] > chunk:
            of_values = torch.cat((of_values, of_streams(slice(chunk, None), rows)), dim=1)

    of_scores = torch.bmm(values, rows.mT)
    of_starts = None if states is None else torch.bmm(rows, states)
    of_ends = None if after is None else torch.bmm(values, after)
    of_factors = ChunkFactors(of_scores, of_starts, of_ends, of_kept)
    return WithinGradients(of_factors, of_values, of_state)


def _invert(strict_upper: Tensor) -> Tensor:
    """(I + strict_upper^T)^-1 by substitution, which is stable; (M, C, C)."""
    chunk = strict_upper.shape[-1]
    eye = torch.eye(chunk, dtype=strict_upper.dtype, device=strict_upper.device)
    return torch.linalg.solve_triangular(strict_upper.mT, eye, upper=False, unitriangular=True)


def _fill(buffer: Tensor, states: Tensor | None) -> None:
    if states is None:
        buffer.zero_()
    else:
        buffer.copy_(states)
