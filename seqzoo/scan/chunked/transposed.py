"""The chunked form of a transposed read, o_t = scale S_t^T q_t (GSA, ABC).

What an erase removes is first read from the ordinary scan and becomes one more write, under minus
the key that it is taken away along. What is left only decays, and with G_t = g_1 + ... + g_t in a
chunk that starts from S,

    o_t = e^{G_t} (S^T q_t) + sum_{s<=t} (w_s . q_t) (k_s e^{G_t - G_s})

A key channel's decay stands on the outputs here, so no score can hold it: chunks are short, and the
decays of their pairs of tokens are laid out, (C, C, K) or for a decay a head (C, C, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo.scan.chunked.broken_tokens import find_broken, mark_broken, without_broken
from seqzoo.scan.chunked.rows import ScanTensors
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult

__all__ = ["scan_transposed"]

CHUNK = 16
FORGETS_ALL = -1e4
"""A log decay whose exp is 0 in every dtype."""


def scan_transposed(
    problem: ScanProblem, ordinary: Callable[[ScanProblem], ScanResult]
) -> ScanResult:
    """Outputs (B, T, H, K) and the final state of a plain problem with a transposed read.

    Args:
        problem: of at least one token; see `seqzoo.scan.plain`.
        ordinary: scans a problem whose read is not transposed.
    """
    state = problem.initial_state()
    writes, transition = problem.writes, problem.transition
    values = writes.values.to(state.dtype)
    if writes.strengths is not None:
        values = values * writes.strengths.to(state.dtype)[..., None]
    keys = writes.keys.to(state.dtype)
    if transition.erase is not None:
        removed, along = _removed(problem, state, ordinary)
        keys, values = torch.cat([along, keys], dim=2), torch.cat([removed, values], dim=2)
    log_decay = transition.log_decay
    if log_decay is None:
        log_decay = values.new_zeros(*values.shape[:2], values.shape[3])
    if log_decay.ndim == 3:
        log_decay = log_decay.unsqueeze(-1)
    queries, log_decay = problem.queries.to(state.dtype), log_decay.to(state.dtype)
    tensors = ScanTensors(queries, keys, values, None, log_decay, None, None, None)
    broken = find_broken(tensors)
    if broken is not None:
        tensors = without_broken(tensors)
    assert tensors.log_decay is not None
    given = (tensors.queries, tensors.keys, tensors.values, tensors.log_decay)
    if problem.cu_seqlens is None:
        outputs, final = _decayed(*given, state)
    else:
        at, longest = _rows_of(problem.cu_seqlens, problem.queries)
        rows = (x.new_zeros(len(state), longest, *x.shape[2:]).index_put(at, x[0]) for x in given)
        queries, keys, values, log_decay = rows
        outputs, final = _decayed(queries, keys, values, log_decay, state)
        outputs = outputs[at].unsqueeze(0)
    outputs = problem.scale * outputs
    if broken is not None:
        outputs, final = mark_broken(outputs, final, broken, problem.cu_seqlens)
    return ScanResult(outputs.to(problem.queries.dtype), final)


def _removed(
    problem: ScanProblem, state: Tensor, ordinary: Callable[[ScanProblem], ScanResult]
) -> tuple[Tensor, Tensor]:
    """What the erase finds, S_{t-1} a_t after the decay or before, and b_t, as one more write.

    It is read one token early: from the state after t - 1, by the query e^{g_t} a_t.
    """
    erase, log_decay = problem.transition.erase, problem.transition.log_decay
    assert erase is not None
    read = problem.writes.keys[:, :, 0] if erase.read is None else erase.read
    read = read.to(state.dtype)
    if erase.write is None:
        assert erase.strength is not None
        along = -erase.strength[..., None].to(state.dtype) * read
    else:
        along = erase.write
    if log_decay is not None and not erase.before_decay:
        decay = log_decay.to(state.dtype).exp()
        read = read * (decay.unsqueeze(-1) if decay.ndim == 3 else decay)
    early = F.pad(read[:, 1:], (0, 0, 0, 0, 0, 1))
    early_problem = replace(problem, queries=early, transposed_read=False, scale=1.0)
    found = F.pad(ordinary(early_problem).outputs[:, :-1].to(state.dtype), (0, 0, 0, 0, 1, 0))
    first, sequence = _first_tokens(problem)
    start = (state[sequence] @ read.flatten(0, 1)[..., None]).squeeze(-1)
    found = torch.where(first[..., None, None], start.view_as(found), found)
    return found.unsqueeze(2), along.to(state.dtype).unsqueeze(2)


def _first_tokens(problem: ScanProblem) -> tuple[Tensor, Tensor]:
    """Which tokens begin a sequence, (B, T) bool, and the sequence of each, (B * T,)."""
    batch, time = problem.queries.shape[:2]
    device, cu_seqlens = problem.queries.device, problem.cu_seqlens
    tokens = torch.arange(time, device=device)
    if cu_seqlens is None:
        sequence = torch.arange(batch, device=device).repeat_interleave(time)
        return (tokens == 0).expand(batch, -1), sequence
    numbers = torch.arange(len(cu_seqlens) - 1, device=cu_seqlens.device)
    sequence = numbers.repeat_interleave(cu_seqlens.diff(), output_size=time).to(device)
    return (tokens == cu_seqlens.to(device)[sequence]).unsqueeze(0), sequence


def _rows_of(cu_seqlens: Tensor, x: Tensor) -> tuple[tuple[Tensor, Tensor], int]:
    """Where each token of (1, T, ...) stands if every sequence has a row, and the rows' length.

    A graph does not know the longest sequence: there it is T.
    """
    time, lengths = x.shape[1], cu_seqlens.diff()
    numbers = torch.arange(len(lengths), device=lengths.device)
    sequence = numbers.repeat_interleave(lengths, output_size=time).to(x.device)
    place = torch.arange(time, device=x.device) - cu_seqlens.to(x.device)[sequence]
    return (sequence, place), time if torch.compiler.is_compiling() else int(lengths.max())


def _decayed(
    queries: Tensor, keys: Tensor, values: Tensor, log_decay: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Transposed reads of a state that only decays.

    Args:
        queries: (B, T, H, V).
        keys: (B, T, R, H, K).
        values: (B, T, R, H, V).
        log_decay: (B, T, H, K) or (B, T, H, 1).
        state: (B, H, V, K).
    """
    outputs = []
    log_decay = log_decay.clamp(min=FORGETS_ALL)  # 0 times -inf is NaN in a product of matrices
    for start in range(0, queries.shape[1], CHUNK):
        span = slice(start, start + CHUNK)
        q, g = queries[:, span].transpose(1, 2), log_decay[:, span].transpose(1, 2)
        k, w = keys[:, span].movedim(3, 1), values[:, span].movedim(3, 1)  # (B, H, C, R, .)
        chunk = q.shape[2]
        seen = torch.ones(chunk, chunk, device=q.device, dtype=torch.bool).tril()  # [t, s]
        lower = seen.to(q.dtype)
        # spans[t, s] = g_{s+1} + ... + g_t, summed and not subtracted
        spans = torch.einsum("tj,js,bhjc->bhtsc", lower, lower.tril(-1), g)
        decays = spans.exp().masked_fill(~seen[..., None], 0.0)
        scores = torch.einsum("bhtv,bhsrv->bhtsr", q, w)
        within = (torch.einsum("bhtsr,bhsrk->bhtsk", scores, k) * decays).sum(3)
        from_start = g.cumsum(2).exp()
        outputs.append((within + from_start * (q @ state)).transpose(1, 2))
        to_end = decays[:, :, -1, :, None]  # (B, H, C, 1, K)
        state = state * from_start[:, :, -1:] + torch.einsum("bhsrv,bhsrk->bhvk", w, k * to_end)
    return torch.cat(outputs, dim=1), state
