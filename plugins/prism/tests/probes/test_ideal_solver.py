import pytest
import torch

from seqzoo.registry import Registry
from seqzoo_prism.probes import IdealSolver, ideal_solver
from seqzoo_prism.probes.refinement import refinement_of


def test_the_first_token_against_the_equation(subject) -> None:
    """From an empty state act(0) = 0 and act'(0) = 1/2: the ideal update is v k^T / 2."""
    seen = subject("prism")
    steps = refinement_of(seen.traces[0])
    assert steps is not None
    row = IdealSolver.Spec().build().rows(seen)[0]
    cosine = torch.nn.functional.cosine_similarity(steps.deltas[:, 0, 0], steps.value[:, 0], dim=-1)
    assert row["value"] == pytest.approx(float(cosine.mean()))


def test_steps_that_write_the_value_agree_where_the_state_is_empty(subject) -> None:
    mixer = {"type": "prism", "depth": 1, "gain": "constant", "activation": "identity"}
    mixer["injection"] = {"residual": "value"}
    first, *rest = IdealSolver.Spec().build().rows(subject(mixer))
    assert first["depth"] == 1
    assert first["write"] == pytest.approx(1.0)
    assert first["value"] == pytest.approx(1.0)
    assert len(rest) == 9


@pytest.mark.parametrize("preset", ["prism-probing", "prism-lm"])
def test_every_variant_has_a_cosine(subject, preset: str) -> None:
    rows = IdealSolver.Spec().build().rows(subject(preset))
    assert len(rows) == 10
    assert all(abs(row["write"]) <= 1 and abs(row["value"]) <= 1 for row in rows)


def test_cosine_and_distance_against_the_equation(subject) -> None:
    """Eq. 6 written out at a later token, with GELU and its derivative in closed form."""
    seen = subject("prism")
    trace = seen.traces[0]
    steps = refinement_of(trace)
    assert steps is not None
    row = IdealSolver.Spec().build().rows(seen)[6]
    state = [before for before, _ in trace.states()][6]
    read = torch.einsum("nhvk,nhk->nhv", state, steps.keys[:, 6, 0])
    below = (1 + torch.erf(read / 2**0.5)) / 2
    slope = below + read * torch.exp(-read * read / 2) / (2 * torch.pi) ** 0.5
    ideal = (steps.value[:, 6] - read * below) * slope
    update = ideal[..., None] * steps.keys[:, 6, 0, :, None, :]
    written = torch.zeros_like(update)
    for step in range(2):
        delta = steps.strengths[:, 6, step, :, None] * steps.deltas[:, 6, step]
        written = written + delta[..., None] * steps.keys[:, 6, step, :, None, :]
    assert row["depth"] == 2
    dot = (written * update).sum((-1, -2))
    lengths = [x.square().sum((-1, -2)).sqrt() for x in (written, update, written - update)]
    assert row["write"] == pytest.approx(float((dot / (lengths[0] * lengths[1])).mean()))
    assert row["distance"] == pytest.approx(float((lengths[2] / lengths[1]).mean()))


def test_without_the_rule_the_probe_says_what_to_install(subject, monkeypatch) -> None:
    monkeypatch.setattr(ideal_solver, "load_registry", Registry)
    found = IdealSolver.Spec().build().find(subject("prism"))
    assert found.rows == []
    assert "install seqzoo-ttt" in found.note
