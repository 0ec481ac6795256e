"""The chunked form where the heads of a group share queries and keys, and nothing is erased.

Heads s of a group have decays, values and states of their own. With M_ij = q_i . k_j computed once
a group, and D a head's decays between tokens of the chunk (see `head_decay`),

    O_s  = (D_s * tril(M)) W_s + e^{G_s} * (q S_s^T)
    S'_s = e^{G_s,C} S_s + (e^{G_s,C - G_s} * W_s)^T k

Queries and keys are never multiplied by a head's decay: values and reads are. So the products with
states are one matrix product a group, of all its heads' states one below the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqzoo.scan.chunked.algorithm import Solved
from seqzoo.scan.chunked.chunk_factors import ChunkFactors, RowGradients, short_sums
from seqzoo.scan.chunked.head_decay import HeadDecays, head_decays
from seqzoo.scan.chunked.rows import ChunkRows
from seqzoo.scan.chunked.state_pass import ChunkSteps, carry, carry_back

__all__ = ["run_shared", "run_shared_back", "shared_factors"]


def run_shared(
    rows: ChunkRows, values: Tensor, state: Tensor | None, lanes: Sequence[int]
) -> tuple[Tensor, Tensor, ChunkFactors, Solved, HeadDecays]:
    """Outputs (M, C, V), final states (L, V, K), and what the backward needs.

    Args:
        rows: reading (M', N, K), keys (M', C, Q, K), one row per group; log_decay (M, C) or None.
        values: (M, C * Q, V).
        state: (L, V, K); None is zero, and every sequence and head has a chunk.
        lanes: how many sequences and heads have a chunk at each step.
    """
    chunk, streams = rows.keys.shape[1:3]
    log_decay = rows.log_decay
    if log_decay is None:
        log_decay = values.new_zeros(len(values), chunk)
    decays = head_decays(rows.reading, log_decay)
    queries, keys = rows.reading, rows.keys.flatten(1, 2)
    factors = shared_factors(rows.reading, rows.keys, decays)
    kept = factors.kept

    outputs = torch.bmm(factors.scores.mT, values)
    total = lanes[0] if state is None else len(state)
    buffer = values.new_empty(total + len(values), values.shape[-1], keys.shape[-1])
    if state is None:
        buffer[:total].zero_()
    else:
        buffer[:total].copy_(state)
    _stacked_product(values, _to_end(decays, streams), keys, buffer[total:])
    states, final = carry(buffer, ChunkSteps(None, kept), lanes)
    _add_reads(outputs, queries, states, decays.from_start)
    return outputs, final.clone(), factors, Solved(values, states, None, None, None), decays


def shared_factors(reading: Tensor, keys: Tensor, decays: HeadDecays) -> ChunkFactors:
    """Scores (M, C * Q, N) and what is kept of the state; starts and ends are never formed.

    Args:
        reading, keys: (M', N, K) and (M', C, Q, K).
        decays: of the M heads' chunks.
    """
    groups, chunk, streams, _ = keys.shape
    met = torch.bmm(keys.flatten(1, 2), reading.mT).view(groups, 1, chunk, streams, -1)
    scores = met * decays.pairs.view(groups, -1, chunk, 1, met.shape[-1])
    scores = scores.view(len(decays.pairs), chunk * streams, -1)
    return ChunkFactors(scores, None, None, decays.kept)


def run_shared_back(
    reading: Tensor,
    keys: Tensor,
    scores: Tensor,
    solved: Solved,
    decays: HeadDecays,
    rows: Tensor,
    final: Tensor | None,
    lanes: Sequence[int],
    total: int,
) -> tuple[RowGradients, Tensor, Tensor]:
    """The gradients of `run_shared`'s rows, values (M, C * Q, V) and state (L, V, K).

    Args:
        reading, keys: (M', N, K) and (M', C, Q, K).
        scores, solved, decays: what `run_shared` returned.
        rows: (M, N, V), the outputs' gradient.
        final: (L, V, K), the final states' gradient; None is zero.
        lanes: as given to `run_shared`.
        total: L.
    """
    groups, chunk, streams, size = keys.shape
    queries, key_rows = reading, keys.flatten(1, 2)
    values, states = solved.values, solved.states
    assert states is not None
    from_start, to_end = decays.from_start, _to_end(decays, streams)
    kept = decays.kept

    buffer = states.new_empty(len(states) + total, *states.shape[1:])
    _stacked_product(rows, from_start, queries, buffer[: len(states)])
    if final is None:
        buffer[len(states) :].zero_()
    else:
        buffer[len(states) :].copy_(final)
    after, of_state = carry_back(buffer, ChunkSteps(None, kept), lanes)

    of_values = torch.bmm(scores, rows)
    _add_reads(of_values, key_rows, after, to_end)

    of_scores = torch.bmm(values, rows.mT)
    of_starts = torch.bmm(rows, states).mul_(from_start)
    of_ends = torch.bmm(values, after).mul_(to_end)
    of_starts = of_starts.view(groups, -1, queries.shape[1], size)
    of_ends = of_ends.view(groups, -1, chunk * streams, size)
    of_decay = _decay_gradient(
        of_scores * scores,
        short_sums(of_starts * queries[:, None]).flatten(0, 1),
        short_sums(of_ends * key_rows[:, None]).view(-1, chunk, streams).sum(2),
        (states * after).sum((1, 2)) * kept.flatten(),
    )
    of_scores.view(-1, chunk, streams, queries.shape[1]).mul_(decays.pairs[:, :, None])
    of_met = of_scores.view(groups, -1, *of_scores.shape[1:]).sum(1)
    of_queries = of_starts.sum(1).baddbmm_(of_met.mT, key_rows)
    of_keys = of_ends.sum(1).baddbmm_(of_met, queries)
    gradients = RowGradients(of_queries, of_keys.view_as(keys), of_decay)
    return gradients, of_values, of_state


def _decay_gradient(spans: Tensor, read: Tensor, left: Tensor, kept: Tensor) -> Tensor:
    """The gradient of log_decay (M, C), as in `head_decay`.

    Args:
        spans: (M, C * Q, N), scores times their gradients; overwritten.
        read: (M, N), the same of what each query reads from the chunk's first state.
        left: (M, C), of what is left of each token's writes at the end.
        kept: (M,), of what is left of the first state.
    """
    chunk, queries = left.shape[1], read.shape[1]
    last = slice(chunk // queries - 1, None, chunk // queries)  # of each token's micro-steps
    spans.view(len(spans), chunk, -1, queries)[:, last].diagonal(dim1=1, dim2=3).zero_()
    of_sums = short_sums(spans).view(len(spans), chunk, -1).sum(2).neg_()
    of_sums[:, last] += read + spans.sum(1)
    of_sums[:, -1] += kept
    of_decay = of_sums.flip(1).cumsum(1).flip(1)
    of_decay[:, 1:] += left[:, :-1].cumsum(1)
    return of_decay


def _to_end(decays: HeadDecays, streams: int) -> Tensor:
    """The decay from each write to the chunk's end, (M, C * Q, 1)."""
    to_end = decays.to_end.squeeze(3)  # (M, C, 1)
    return to_end if streams == 1 else to_end.repeat_interleave(streams, dim=1)


def _stacked_product(rows: Tensor, factors: Tensor, shared: Tensor, out: Tensor) -> None:
    """Writes (factors * rows)^T shared into (M, V, K), one product a group.

    Args:
        rows: (M, N, V).
        factors: (M, N, 1).
        shared: (M', N, K).
    """
    stacked = rows.new_empty(len(rows), rows.shape[2], rows.shape[1])
    torch.mul(rows.mT, factors.mT, out=stacked)
    into = out.view(len(shared), -1, shared.shape[2])
    torch.bmm(stacked.view(len(shared), -1, rows.shape[1]), shared, out=into)


def _add_reads(total: Tensor, shared: Tensor, states: Tensor, factors: Tensor) -> None:
    """Adds factors * (shared S^T) to (M, N, V), one product a group.

    Args:
        shared: (M', N, K).
        states: (M, V, K).
        factors: (M, N, 1).
    """
    groups, number, size = shared.shape
    found = torch.bmm(shared, states.reshape(groups, -1, size).mT)
    found = found.view(groups, number, -1, states.shape[1]).transpose(1, 2)
    by_group = total.view(groups, -1, *total.shape[1:])
    by_group.addcmul_(found, factors.view(groups, -1, number, 1))
