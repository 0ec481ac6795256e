import pytest

from seqzoo_prism.probes import ResidualEnergy
from seqzoo_prism.probes.refinement import refinement_of


def rows(subject, mixer) -> list[dict]:
    return list(ResidualEnergy.Spec().build().rows(subject(mixer)))


def test_linear_steps_of_gain_a_half_leave_a_quarter_each(subject) -> None:
    gain = {"type": "constant", "value": 0.5}
    found = rows(subject, {"type": "prism", "depth": 3, "activation": "identity", "gain": gain})
    assert [row["energy"] for row in found] == pytest.approx([1.0, 0.25, 0.0625, 0.015625])
    assert [row["delta"] for row in found[:3]] == pytest.approx([0.25, 0.0625, 0.015625])
    assert found[3]["delta"] is None


def test_without_a_chain_nothing_is_subtracted(subject) -> None:
    found = rows(subject, {"type": "prism", "injection": {"chain": "none"}})
    assert [row["energy"] for row in found] == [1.0, 1.0, 1.0]


def test_the_lm_variant_keeps_what_its_gains_leave(subject) -> None:
    energies = [row["energy"] for row in rows(subject, "prism-lm")]
    assert energies[0] > energies[1] > energies[2] > 0


def test_what_is_written_is_the_step_times_its_gate(subject) -> None:
    given = subject({"type": "prism", "depth": 2, "heads": 2})
    (trace,) = given.traces
    refinement = refinement_of(trace)
    assert refinement is not None
    whole = float(refinement.residual.square().sum(-1).mean())
    found = list(ResidualEnergy.Spec().build().rows(given))
    for step in range(2):
        total = count = 0.0
        for n in range(3):
            for t in range(trace.length):
                for head in range(2):
                    gate = refinement.strengths[n, t, step, head]
                    written = gate * refinement.deltas[n, t, step, head]
                    total, count = total + float(written.square().sum()), count + 1
        assert found[step]["written"] == pytest.approx(total / count / whole)
