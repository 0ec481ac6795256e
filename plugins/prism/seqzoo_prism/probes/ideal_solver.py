"""How close PRISM's write comes to that of the solver it imitates, on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from seqzoo import load_registry
from seqzoo.operators import Dims
from seqzoo.probe import Finding, Plot, Probe, Subject, Value
from seqzoo_prism.probes.refinement import Refinement, refinement_of, states_before

__all__ = ["IdealSolver"]

RULE = "ideal_solver"


class IdealSolver(Probe):
    """Cosine and distance of B_t and the ideal update (v - act(S k)) * act'(S k) k^T (Eq. 6)."""

    name = "ideal_solver"
    title = "Agreement with the ideal solver"
    meaning = (
        "What the refinement steps write beside what the serial solver of Eq. 6, the rule "
        f"'{RULE}', would write from the same state, key k(1) and value. write is the cosine of "
        "the whole matrices, 1 for the same direction and 0 for none in common; distance is their "
        "distance over the length of the solver's; value is the cosine of the first step's delta "
        "and the solver's. depth is L."
    )
    plot = Plot("position", ("write", "value"), "layer", "token", "cosine", log="x")

    def find(self, subject: Subject) -> Finding:
        """As for every probe; if the rule is not installed, no rows and a note."""
        if RULE in load_registry().names("rule"):
            return super().find(subject)
        note = f"needs the rule '{RULE}', which no installed plugin has: install seqzoo-ttt"
        return Finding(self.name, self.title, self.meaning, [], self.plot, note)

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and token, for layers with refinement steps."""
        found: list[dict[str, Value]] = []
        for trace in subject.traces:
            steps = refinement_of(trace)
            if steps is None:
                continue
            solver = _solver(steps, Dims(trace.mixer.place, *_sizes(steps)))
            for t, state in states_before(trace, steps):
                key, value = steps.keys[:, t, 0], steps.value[:, t]
                token = {"queries": key, "keys": key, "values": value}
                update = solver.step(state, token)[0] - state
                writes = (steps.strengths[:, t], steps.deltas[:, t], steps.keys[:, t])
                written = torch.einsum("nlh,nlhv,nlhk->nhvk", *writes).flatten(-2)
                along = torch.einsum("nhvk,nhk->nhv", update, key)
                update = update.flatten(-2)
                distance = (written - update).norm(dim=-1) / update.norm(dim=-1)
                found.append(
                    {
                        "layer": trace.layer,
                        "depth": steps.part.depth,
                        "position": t + 1,
                        "write": _cosine(written, update),
                        "distance": float(distance.mean()),
                        "value": _cosine(steps.deltas[:, t, 0], along),
                    }
                )
        return found


def _solver(steps: Refinement, dims: Dims) -> Any:
    """The rule of Eq. 6 with the layer's own activation."""
    solver = load_registry().spec("rule", RULE).build(dims)
    solver.activation = steps.part.activation
    return solver


def _sizes(steps: Refinement) -> tuple[int, int, int]:
    """H, K, V."""
    heads, key_size = steps.keys.shape[-2:]
    return heads, key_size, steps.value.shape[-1]


def _cosine(first: Tensor, second: Tensor) -> float:
    return float(F.cosine_similarity(first, second, dim=-1).mean())
