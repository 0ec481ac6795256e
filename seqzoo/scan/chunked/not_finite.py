"""Tokens with a NaN or an infinity, which must not reach the tokens before them.

A chunk is a product of matrices, and 0 times NaN is NaN: a mask keeps no such token from the
others. So they are taken out before, and put back after: from the first of them on, a head's
outputs and its state are NaN, as in the token loop.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult, Transition, Writes

__all__ = ["find_broken", "mark_broken", "without_broken"]


def find_broken(problem: ScanProblem) -> Tensor | None:
    """Which tokens of which heads are not finite, (B, T, H) bool; None where all are.

    Tokens have one micro-step. A log decay of -inf is a number like others. In a graph and on the
    meta device, where there are no numbers to look at, it is None.
    """
    if torch.compiler.is_compiling() or problem.queries.is_meta:
        return None
    found: Tensor | None = None
    for tensor, axes, below in _tensors(problem):
        try:
            total = float(tensor.detach().sum())  # finite only if every element is
        except RuntimeError:  # vmap has no number to look at, and is refused by the scan, in words
            return None
        if math.isfinite(total) or (not below and total == -math.inf):
            continue
        by_head = _wrong(tensor, below)
        for axis in axes:
            by_head = by_head.any(dim=axis)
        sharing = problem.heads // by_head.shape[2]
        if sharing > 1:
            by_head = by_head.repeat_interleave(sharing, dim=2)
        found = by_head if found is None else found | by_head
    return None if found is None or not bool(found.any()) else found


def without_broken(problem: ScanProblem) -> ScanProblem:
    """The same problem with zeros for what is not finite."""

    def clean(tensor: Tensor | None, below: bool = True) -> Tensor | None:
        if tensor is None:
            return None
        return tensor.masked_fill(_wrong(tensor, below), 0.0)

    transition, writes = problem.transition, problem.writes
    erase = transition.erase
    if erase is not None:
        erase = replace(
            erase,
            read=clean(erase.read),
            strength=clean(erase.strength),
            write=clean(erase.write),
        )
    keys, values, queries = clean(writes.keys), clean(writes.values), clean(problem.queries)
    assert keys is not None
    assert values is not None
    assert queries is not None
    return replace(
        problem,
        queries=queries,
        transition=Transition(clean(transition.log_decay, below=False), erase),
        writes=Writes(keys, values, clean(writes.strengths)),
    )


def mark_broken(result: ScanResult, broken: Tensor, cu_seqlens: Tensor | None) -> ScanResult:
    """NaN from the first broken token of a sequence's head on, and in the state it leaves."""
    seen = broken.cumsum(1)
    if cu_seqlens is None:
        after, at_end = seen > 0, seen[:, -1] > 0
    else:
        bounds = cu_seqlens.to(broken.device).long()
        before = torch.cat([seen.new_zeros(1, seen.shape[2]), seen[0]])  # (T + 1, H)
        lengths, starts = bounds.diff(), before[bounds[:-1]]
        after = (seen[0] - starts.repeat_interleave(lengths, dim=0) > 0).unsqueeze(0)
        at_end = before[bounds[1:]] - starts > 0
    outputs = result.outputs.masked_fill(after[..., None], math.nan)
    return ScanResult(outputs, result.state.masked_fill(at_end[..., None, None], math.nan))


def _wrong(tensor: Tensor, below: bool) -> Tensor:
    """Where it is NaN or inf, and with `below` where it is -inf."""
    wrong = tensor.isnan() | (tensor == math.inf)
    return wrong | (tensor == -math.inf) if below else wrong


def _tensors(problem: ScanProblem) -> list[tuple[Tensor, tuple[int, ...], bool]]:
    """Each tensor, its axes beside batch, time and heads, and whether -inf is wrong in it."""
    transition, writes = problem.transition, problem.writes
    erase, decay = transition.erase, transition.log_decay
    found: list[tuple[Tensor | None, tuple[int, ...], bool]] = [
        (problem.queries, (3,), True),
        (writes.keys, (4, 2), True),
        (writes.values, (4, 2), True),
        (writes.strengths, (2,), True),
        (decay, (3,) if decay is not None and decay.ndim == 4 else (), False),
    ]
    if erase is not None:
        found += [(erase.read, (3,), True), (erase.strength, (), True), (erase.write, (3,), True)]
    return [(tensor, axes, below) for tensor, axes, below in found if tensor is not None]
