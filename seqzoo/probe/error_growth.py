"""How an error in A_t or in B_t grows in the state over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor

from seqzoo.probe.findings import Finding, Plot, Value
from seqzoo.probe.growth import Growth, growth_of
from seqzoo.probe.probe import Probe, Subject
from seqzoo.probe.trace import Trace
from seqzoo.spec import PartSpec

__all__ = ["ErrorGrowth", "late_growth"]


class ErrorGrowth(Probe):
    """Distance of the state from that of perturbed A_t and of perturbed B_t, by position."""

    name = "error_growth"
    title = "Growth of the state's error"
    meaning = (
        "A_t is blended with a rotated copy of itself, with one rotation for all tokens, so that "
        "it grows in no direction; B_t is moved by its own size in one fixed direction. Distances "
        "of the states are in units of epsilon times the mean size of B_t."
    )
    plot = Plot("position", ("of_A", "of_B"), "layer", "token", "error of the state", log="xy")

    class Spec(PartSpec):
        """epsilon: the size of the errors, as a share of A_t and of B_t. seed: of the
        directions."""

        epsilon: float = Field(default=1e-3, gt=0.0, lt=1.0)
        seed: int = 0

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.epsilon, self.seed = spec.epsilon, spec.seed

    def rows(self, subject: Subject) -> Sequence[dict[str, Value]]:
        """One row per layer and token."""
        return [row for trace in subject.traces for row in self._of_layer(trace)]

    def find(self, subject: Subject) -> Finding:
        """Also fits t^p and a + b ln t to both errors, over the last three quarters."""
        finding = super().find(subject)
        notes = []
        for trace in subject.traces:
            rows = [row for row in finding.rows if row["layer"] == trace.layer]
            of_a, of_b = late_growth(rows)
            if of_a and of_b:
                notes.append(f"layer {trace.layer}: errors of A grow like {of_a}, of B like {of_b}")
        return replace(finding, note="\n".join(notes) or finding.note)

    def _of_layer(self, trace: Trace) -> list[dict[str, Value]]:
        injections, transitions = trace.injections(), trace.transitions()
        generator = torch.Generator().manual_seed(self.seed)
        turn = _rotation(transitions.shape[-1], generator)
        direction = torch.randn(injections.shape[-2:], generator=generator, dtype=torch.float64)
        direction = direction / direction.norm()
        epsilon = self.epsilon
        state = of_a = of_b = torch.zeros_like(injections[:, 0])
        unit = epsilon * float(injections.flatten(-2).norm(dim=-1).mean())
        rows = []
        for t in range(trace.length):
            a, b = transitions[:, t], injections[:, t]
            size = b.flatten(-2).norm(dim=-1)[..., None, None]
            state = state @ a + b
            of_a = of_a @ ((1 - epsilon) * a + epsilon * a @ turn) + b
            of_b = of_b @ a + b + epsilon * size * direction
            rows.append(
                {
                    "layer": trace.layer,
                    "position": t + 1,
                    "of_A": _distance(state, of_a) / unit if unit else 0.0,
                    "of_B": _distance(state, of_b) / unit if unit else 0.0,
                }
            )
        return rows


def late_growth(rows: Sequence[Mapping[str, Value]]) -> tuple[Growth | None, Growth | None]:
    """How the errors of A and of B grow over the last three quarters of a layer's rows."""
    late = rows[len(rows) // 4 :]
    of_a, of_b = (growth_of([_numbers(row, of) for row in late]) for of in ("of_A", "of_B"))
    return of_a, of_b


def _rotation(size: int, generator: torch.Generator) -> Tensor:
    """A random orthogonal matrix (size, size)."""
    drawn = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(drawn).Q


def _distance(state: Tensor, other: Tensor) -> float:
    return float((state - other).flatten(-2).norm(dim=-1).mean())


def _numbers(row: Mapping[str, Value], column: str) -> tuple[float, float]:
    position, error = row["position"], row[column]
    assert isinstance(position, int)
    assert isinstance(error, float)
    return position, error
