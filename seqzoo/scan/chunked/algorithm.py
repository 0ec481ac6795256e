"""The exact chunked form: C tokens at once, from the state S_0 that the chunk before left.

For reading rows a and keys b, with G_i the sum of log decays g from the chunk's start to token i,

    M[a,b]_ij = sum_c a_ic b_jc exp(G_ic - G_jc)                                            j <= i
    (I + b * tril(M[k,k], -1)) U = b * ((K * e^G) S_0^T + sum_l tril(M[k,k^l], -1) W^l)
    O   = (Q * e^G) S_0^T + sum_l tril(M[q,k^l]) W^l - tril(M[q,k]) U
    S_C = S_0 Diag(e^G_C) + sum_l W^lT (K^l * e^(G_C-G)) - U^T (K * e^(G_C-G))

U is what the erases remove, b their strengths, W^l what is written under key l; of a token with n
micro-steps O has the last one's row alone. The code takes a chunk's factors (`chunk_factors`):
scores A of queries and N of erase reads, starts q and r, which are rows times e^G, and ends E, keys
times e^(G_C-G). Stream 0 of the values V is under the erase's key and holds W_0 - U, so that the
second line reads

    (I + N_0) V_0 = W_0 - sum_{l>0} N_l V_l - r S_0^T

With L = (I + N_0)^-1, X = -L r, and Y for V_0 at S_0 = 0: V_0 = Y + X S_0^T, and the last line is
S_C = S_0 (Diag(e^G_C) + X^T E_0) + V^T E with V_0 = Y: all that is serial, one product a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqzoo.scan.chunked.chunk_factors import ChunkFactors, num_queries
from seqzoo.scan.chunked.state_pass import ChunkSteps, carry


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


def run_chunks(
    factors: ChunkFactors,
    values: Tensor,
    chunk: int,
    state: Tensor | None,
    lanes: Sequence[int],
) -> tuple[Tensor, Tensor, Solved]:
    """Outputs (M, queries, V), final states (L, V, K), and what the backward needs.

    Args:
        factors: of all M chunks; N = queries + C where there is an erase.
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
    queries = num_queries(scores.shape[2], chunk)
    if scores.shape[2] > queries:  # there is an erase
        inverse = _invert(scores[:, ::streams, queries:])
        right = first if streams == 1 else first.clone(memory_format=torch.contiguous_format)
        for stream in range(1, streams):
            across = scores[:, stream::streams, queries:].mT
            right.baddbmm_(across, values[:, stream::streams], alpha=-1)
        erased = torch.bmm(inverse, right)
        first.copy_(erased)
        if carries:
            removed, matrix = chunk_steps(factors, inverse)

    if not carries:
        outputs = torch.bmm(scores[:, :, :queries].mT, values)
        final = torch.bmm(values.mT, ends)
        return outputs, final, Solved(values, None, inverse, None, None)
    total = lanes[0] if state is None else len(state)
    buffer = values.new_empty(total + len(values), values.shape[-1], ends.shape[-1])
    buffer[:total] = 0 if state is None else state
    torch.bmm(values.mT, ends, out=buffer[total:])
    states, final = carry(buffer, ChunkSteps(matrix, kept), lanes)
    if removed is not None:
        assert erased is not None
        first.copy_(erased.baddbmm_(removed, states.mT))
    outputs = torch.bmm(scores[:, :, :queries].mT, values)
    outputs.baddbmm_(starts[:, :queries], states.mT)
    return outputs, final.clone(), Solved(values, states, inverse, removed, matrix)


def chunk_steps(factors: ChunkFactors, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """What an erase does to the states: `Solved.removed` and `Solved.matrix`."""
    _, starts, ends, kept = factors
    assert starts is not None
    assert ends is not None
    removed = torch.bmm(inverse, starts[:, -inverse.shape[1] :]).neg_()
    matrix = torch.bmm(removed.mT, ends[:, :: ends.shape[1] // inverse.shape[1]])
    matrix.diagonal(dim1=1, dim2=2).add_(1.0 if kept is None else kept[:, 0])
    return removed, matrix


def _invert(strict_upper: Tensor) -> Tensor:
    """(I + strict_upper^T)^-1 by substitution, which is stable; (M, C, C)."""
    lower = strict_upper.mT
    eye = torch.eye(lower.shape[-1], dtype=lower.dtype, device=lower.device)
    return torch.linalg.solve_triangular(lower, eye, upper=False, unitriangular=True, left=False)
