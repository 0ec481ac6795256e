"""Scores within a chunk under one decay a token and head.

    scores[(l, j), i] = k^l_j . x_i exp(g_{j+1} + ... + g_i)

The decay of all pairs is one (C, C) matrix, shared by queries, reads and key streams. Its gradient
needs no copy of the undecayed scores: the derivative of a score by its exponent is the score.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def head_scores(
    queries: Tensor, reads: Tensor | None, keys: Tensor, log_decay: Tensor, before_decay: bool
) -> tuple[Tensor, Tensor | None]:
    """The decayed, causal scores of queries and erase reads with all key streams.

    Args:
        queries: (M, C, K).
        reads: (M, C, K), or None without erase.
        keys: (M, Q, C, K).
        log_decay: (M, C).
        before_decay: the reads see the state before their own token's decay.

    Returns:
        Query scores (M, Q * C, C), zero where j > i, and erase scores, zero where j >= i, or None.
        Differentiable once.
    """
    return _HeadScores.apply(queries, reads, keys, log_decay, before_decay)  # type: ignore[return-value]


class _HeadScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        reads: Tensor | None,
        keys: Tensor,
        log_decay: Tensor,
        before_decay: bool,
    ) -> tuple[Tensor, Tensor | None]:
        chunks, streams, chunk, _ = keys.shape
        rows = keys.flatten(1, 2)
        ones = keys.new_ones(chunk, chunk)
        later = ones.triu(1).bool()
        # spans[j, i] = g_{j+1} + ... + g_i, summed and not subtracted
        spans = torch.where(later, log_decay[:, None, :], 0.0).cumsum(-1)
        decay = spans.exp_().mul_(ones.triu())

        def scores(reading: Tensor, decay: Tensor) -> Tensor:
            raw = torch.bmm(rows, reading.mT).view(chunks, streams, chunk, chunk)
            return raw.mul_(decay[:, None]).flatten(1, 2)

        query_scores = scores(queries, decay)
        erase_scores = erase_decay = None
        if reads is not None:
            if before_decay:
                erase_decay = _shift(decay, 1)
            else:
                erase_decay = decay * later
            erase_scores = scores(reads, erase_decay)
        ctx.save_for_backward(queries, reads, rows, decay, erase_decay, query_scores, erase_scores)
        ctx.streams, ctx.before_decay, ctx.later = streams, before_decay, later
        return query_scores, erase_scores

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        queries, reads, rows, decay, erase_decay, query_scores, erase_scores = ctx.saved_tensors
        query_gradient, erase_gradient = gradients
        shape = (len(rows), ctx.streams, *decay.shape[1:])

        def of_spans(gradient: Tensor, scores: Tensor) -> Tensor:
            return (gradient * scores).view(shape).sum(1)

        def of_raw(gradient: Tensor, decay: Tensor) -> Tensor:
            return (gradient.reshape(shape) * decay[:, None]).flatten(1, 2)

        spans = of_spans(query_gradient, query_scores)
        raw = of_raw(query_gradient, decay)
        queries_gradient = torch.bmm(raw.mT, rows)
        rows_gradient = torch.bmm(raw, queries)
        reads_gradient = None
        if reads is not None:
            erase_spans = of_spans(erase_gradient, erase_scores)
            spans += _shift(erase_spans, -1) if ctx.before_decay else erase_spans
            raw = of_raw(erase_gradient, erase_decay)
            reads_gradient = torch.bmm(raw.mT, rows)
            rows_gradient = torch.baddbmm(rows_gradient, raw, reads)
        # spans[j, i] = G_i - G_j as far as gradients go; a token has no span to itself
        spans *= ctx.later
        sums = spans.sum(1) - spans.sum(2)
        log_decay_gradient = sums.flip(1).cumsum(1).flip(1)
        keys_gradient = rows_gradient.view(len(rows), ctx.streams, -1, rows.shape[-1])
        return queries_gradient, reads_gradient, keys_gradient, log_decay_gradient, None


def _shift(matrix: Tensor, columns: int) -> Tensor:
    """Moves the columns of (M, C, C) to the right (or left), filling with zeros."""
    moved = torch.zeros_like(matrix)
    if columns > 0:
        moved[..., columns:] = matrix[..., :-columns]
    else:
        moved[..., :columns] = matrix[..., -columns:]
    return moved
