"""How much of the residual the refinement steps leave."""

from __future__ import annotations

from collections.abc import Sequence

from seqzoo.probe import Plot, Probe, Subject, Value
from seqzoo_prism.probes.refinement import refinement_of

__all__ = ["ResidualEnergy"]


class ResidualEnergy(Probe):
    """|r^(l)|^2 over |r^(1)|^2, before the first step and after each."""

    name = "residual_energy"
    title = "Energy of the residual"
    meaning = (
        "Mean over tokens, heads and sequences of |r|^2 after so many steps, over that before the "
        "first. 1 throughout means that steps subtract nothing. delta is the energy of the step "
        "that comes next, written is what its gate lets through."
    )
    plot = Plot("steps", ("energy",), "layer", "steps done", "|r|^2 / |r(1)|^2")

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and number of steps, for layers with refinement steps."""
        found: list[dict[str, Value]] = []
        for trace in subject.traces:
            refinement = refinement_of(trace)
            if refinement is None:
                continue
            residual, depth = refinement.residual, refinement.part.depth
            whole = float(residual.square().sum(-1).mean()) or 1.0
            for step in range(depth + 1):
                row: dict[str, Value] = {
                    "layer": trace.layer,
                    "steps": step,
                    "energy": float(residual.square().sum(-1).mean()) / whole,
                    "delta": None,
                    "written": None,
                }
                if step < depth:
                    delta = refinement.deltas[:, :, step]
                    gate = refinement.strengths[:, :, step].unsqueeze(-1)
                    row["delta"] = float(delta.square().sum(-1).mean()) / whole
                    row["written"] = float((gate * delta).square().sum(-1).mean()) / whole
                    if refinement.part.chained:
                        residual = residual - delta
                found.append(row)
        return found
