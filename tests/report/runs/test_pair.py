import pytest
import yaml

from seqzoo.errors import SpecError
from seqzoo.report import Change, compare_runs
from seqzoo.train.record import write_record


@pytest.fixture
def runs(tmp_path, make_record):
    for name, depth, value, torch in (("a", 1, 0.5, "2.12"), ("b", 2, 0.75, "2.13")):
        directory = tmp_path / name
        directory.mkdir()
        spec = {"model": {"depth": depth, "width": 16}}
        (directory / "spec.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        record = make_record(name, value)
        versions = record.versions.model_copy(update={"torch": torch})
        write_record(directory / "record.json", record.model_copy(update={"versions": versions}))
    return tmp_path / "a", tmp_path / "b"


def test_two_runs_side_by_side(runs):
    pair = compare_runs(*runs)
    assert pair.spec == [Change("model.depth", "changed", 1, 2)]
    assert pair.results["accuracy"] == (0.5, 0.75)
    assert pair.results["parameters"] == (4000, 4000)
    assert pair.environment == [Change("versions.torch", "changed", "2.12", "2.13")]


def test_a_grid_is_no_run(runs, ablation):
    with pytest.raises(SpecError, match="is a grid; name one of its runs"):
        compare_runs(runs[0], ablation.path)
