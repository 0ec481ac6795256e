import pytest
import torch

from seqzoo_prism.probes import IdealSolver
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
    assert first["write"] == pytest.approx(1.0)
    assert first["value"] == pytest.approx(1.0)
    assert len(rest) == 9


@pytest.mark.parametrize("preset", ["prism-probing", "prism-lm"])
def test_every_variant_has_a_cosine(subject, preset: str) -> None:
    rows = IdealSolver.Spec().build().rows(subject(preset))
    assert len(rows) == 10
    assert all(abs(row["write"]) <= 1 and abs(row["value"]) <= 1 for row in rows)
