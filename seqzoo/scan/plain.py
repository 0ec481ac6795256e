"""A problem of the full algebra reduced to its plainest form.

Backends that know only single steps, as many key heads as heads, and an erase that reads or takes
away along a key of its own or the first write's compute this one and give the same numbers.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from seqzoo.scan.precision import wide
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import Erase, Transition, Writes
from seqzoo.scan.token import repeated_keys

__all__ = ["last_of_each_token", "plain_problem", "single_steps"]


def plain_problem(problem: ScanProblem) -> ScanProblem:
    """The same problem with keys of every head written out, and a micro-step a token."""
    problem = single_steps(problem)
    heads = problem.heads
    writes, erase = problem.writes, problem.transition.erase
    keys = repeated_keys(writes.keys, heads)
    if erase is not None:
        read, write = _optional_per_head(erase.read, heads), _optional_per_head(erase.write, heads)
        strength = erase.strength
        if erase.along_key:
            assert strength is not None
            first = keys.select(-3, 0)
            read, strength, write = read, None, -wide(strength)[..., None] * first
        erase = Erase(read, strength, write, before_decay=erase.before_decay)
    queries = problem.queries
    if not problem.transposed_read:
        queries = repeated_keys(queries, heads)
    return replace(
        problem,
        queries=queries,
        transition=Transition(problem.transition.log_decay, erase),
        writes=Writes(keys, writes.values, writes.strengths),
    )


def single_steps(problem: ScanProblem) -> ScanProblem:
    """The same problem with a token for each micro-step, of whose outputs the last counts."""
    writes, steps = problem.writes, problem.writes.steps
    if steps == 1:
        return problem
    queries, cu_seqlens = problem.queries, problem.cu_seqlens
    apart = queries.new_zeros(*queries.shape[:2], steps - 1, *queries.shape[2:])
    return replace(
        problem,
        queries=torch.cat([apart, queries.unsqueeze(2)], dim=2).flatten(1, 2),
        writes=Writes(writes.keys, writes.values, writes.strengths),
        cu_seqlens=None if cu_seqlens is None else cu_seqlens * steps,
    )


def last_of_each_token(outputs: Tensor, steps: int) -> Tensor:
    """The outputs of T * steps micro-steps (B, T * steps, ...) -> those of tokens (B, T, ...)."""
    return outputs if steps == 1 else outputs[:, steps - 1 :: steps]


def _optional_per_head(tensor: Tensor | None, heads: int) -> Tensor | None:
    return None if tensor is None else repeated_keys(tensor, heads)
