"""The token loop: the plainest form of the recurrence, and the oracle for every other backend.

Any dtype, any device, differentiable; T steps one after another, so slow.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from seqzoo.scan.problem import Erase, ScanProblem, ScanResult, Transition, Writes
from seqzoo.scan.token import advance_token, step_token


class ReferenceBackend:
    """The token loop as a backend."""

    name = "reference"

    def supports(self, problem: ScanProblem) -> str | None:
        """None: every problem is supported."""
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scans token by token, packed sequences one after another."""
        batch, time = problem.queries.shape[:2]
        states = problem.initial_state()
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
                output, state = advance_token(
                    state,
                    problem.queries[:, t],
                    _transition_at(problem.transition, t),
                    _writes_at(problem.writes, t),
                    problem.scale,
                )
                outputs.append(output)
            final_states.append(state)

        dtype = problem.queries.dtype
        if not outputs:  # no token at all
            shape = (*problem.queries.shape[:3], problem.writes.values.shape[-1])
            return ScanResult(problem.queries.new_zeros(shape), torch.cat(final_states))
        return ScanResult(torch.stack(outputs, dim=1).to(dtype), torch.cat(final_states))

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token."""
        return step_token(problem)


def _transition_at(transition: Transition, t: int) -> Transition:
    erase = transition.erase
    if erase is not None:
        erase = Erase(
            _at(erase.read, t), _at(erase.strength, t), _at(erase.write, t), erase.before_decay
        )
    return Transition(_at(transition.log_decay, t), erase)


def _writes_at(writes: Writes, t: int) -> Writes:
    return Writes(writes.keys[:, t], writes.values[:, t], _at(writes.strengths, t))


def _at(tensor: Tensor | None, t: int) -> Tensor | None:
    return None if tensor is None else tensor[:, t]
