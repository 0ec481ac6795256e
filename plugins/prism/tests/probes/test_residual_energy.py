import pytest

from seqzoo_prism.probes import ResidualEnergy


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
