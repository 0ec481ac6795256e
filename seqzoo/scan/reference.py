"""The token loop: the plainest form of the recurrence, and the oracle for every other backend.

Any dtype, any device, differentiable as often as wanted; T steps one after another, so slow.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.token import advance, read, step_token, transition_at, writes_at


class ReferenceBackend:
    """The token loop as a backend."""

    name = "reference"

    def supports(self, problem: ScanProblem) -> str | None:
        """None: every problem is supported."""
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scan token by token, packed sequences one after another."""
        batch, time = problem.queries.shape[:2]
        states, steps = problem.initial_state(), problem.writes.steps
        if problem.bounds is None:
            rows = [(slice(0, batch), 0, time)]
        else:
            spans = pairwise(problem.bounds)
            rows = [(slice(n, n + 1), start, end) for n, (start, end) in enumerate(spans)]

        outputs: list[Tensor] = []
        final_states: list[Tensor] = []
        for row, start, end in rows:
            state = states[row]
            for t in range(start, end):
                for micro in range(t * steps, (t + 1) * steps):
                    transition = transition_at(problem.transition, micro)
                    state = advance(state, transition, writes_at(problem.writes, micro))
                query = problem.queries[:, t]
                outputs.append(read(state, query, problem.scale, problem.transposed_read))
            final_states.append(state)

        if not outputs:  # no token at all
            return ScanResult(problem.no_outputs(), torch.cat(final_states))
        dtype = problem.queries.dtype
        return ScanResult(torch.stack(outputs, dim=1).to(dtype), torch.cat(final_states))

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token."""
        return step_token(problem)
