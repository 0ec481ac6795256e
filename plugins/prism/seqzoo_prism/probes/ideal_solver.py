"""How close PRISM's write comes to that of the solver it imitates, on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqzoo.probe import Plot, Probe, Subject, Value
from seqzoo_prism.probes.refinement import reads_before, refinement_of

__all__ = ["IdealSolver"]


class IdealSolver(Probe):
    """Cosine of B_t and the ideal update (v - act(S k)) * act'(S k) k^T (PRISM, Eq. 6)."""

    name = "ideal_solver"
    title = "Agreement with the ideal solver"
    meaning = (
        "Cosine between what the refinement steps write and what the serial solver of Eq. 6 would "
        "write from the same state, key k(1) and value: write of the whole matrices, value of the "
        "first step's delta alone. 1 is the same direction, 0 none in common."
    )
    plot = Plot("position", ("write", "value"), "layer", "token", "cosine", log="x")

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """A row a layer and token, of layers with refinement steps."""
        found: list[dict[str, Value]] = []
        for trace in subject.traces:
            steps = refinement_of(trace)
            if steps is None:
                continue
            for t, read in reads_before(trace, steps):
                activated, slope = _activated(steps.part.activation, read)
                ideal = (steps.value[:, t] - activated) * slope
                update = torch.einsum("nhv,nhk->nhvk", ideal, steps.keys[:, t, 0])
                writes = (steps.strengths[:, t], steps.deltas[:, t], steps.keys[:, t])
                written = torch.einsum("nlh,nlhv,nlhk->nhvk", *writes)
                found.append(
                    {
                        "layer": trace.layer,
                        "position": t + 1,
                        "write": _cosine(written.flatten(-2), update.flatten(-2)),
                        "value": _cosine(steps.deltas[:, t, 0], ideal),
                    }
                )
        return found


def _activated(activation: torch.nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """act(x) and its derivative, element by element."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        y = activation(x)
        (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), slope


def _cosine(first: Tensor, second: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(first, second, dim=-1).mean())
