import pytest

from seqzoo.errors import SpecError
from seqzoo.probe import keep_findings, measure, read_findings
from seqzoo.spec.run import RunSpec
from seqzoo.train import train


def test_a_run_is_measured_and_what_was_found_stays_with_it(trained, registry) -> None:
    told: list[str] = []
    findings = measure(trained, registry, sequences=5, length=6, progress=told.append)
    names = ["error_growth", "transition_spectrum", "write_rank"]
    assert [finding.probe for finding in findings.found] == told == names
    assert (findings.sequences, findings.length) == (5, 6)
    assert all({row["layer"] for row in found.rows} == {0, 1} for found in findings.found)
    assert findings.step == 3
    assert read_findings(trained) is None
    keep_findings(findings, trained)
    assert read_findings(trained) == findings
    assert [f.probe for f in measure(trained, registry, ["write_rank"]).found] == ["write_rank"]


def test_an_unknown_probe_is_named(trained, registry) -> None:
    with pytest.raises(SpecError, match="unknown probe 'write_rang'; did you mean 'write_rank'"):
        measure(trained, registry, ["write_rang"])


def test_a_model_without_memories_is_refused(tmp_path, registry) -> None:
    document = {
        "model": {"width": 8, "layers": 1, "mixer": "attention"},
        "task": {"type": "parity", "length": 8, "vocab_size": 8, "test_size": 8},
        "train": {"steps": 1, "batch_size": 2, "device": "cpu"},
    }
    train(registry.validate(RunSpec, document), tmp_path / "run")
    with pytest.raises(SpecError, match="no layer of its model has a memory"):
        measure(tmp_path / "run", registry)
