import pytest

from seqzoo.errors import RunError
from seqzoo.report.collect.evaluations import read_curves
from seqzoo.train import read_record

ROWS = """\
{"kind": "train", "step": 5, "loss": 2.0}
{"kind": "evaluation", "step": 10, "wall_s": 1.0, "loss": 1.5, "accuracy": 0.5}
{"kind": "evaluation", "step": 20, "wall_s": 2.0, "loss": NaN, "accuracy": 1}
{"kind": "evaluation", "step": 30, "acc
"""


def test_a_curve_a_metric_of_evaluations_alone(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(ROWS, encoding="utf-8")
    curves = read_curves(tmp_path)
    assert sorted(curves) == ["accuracy", "loss"]
    assert list(curves["accuracy"].steps) == [10, 20]
    assert list(curves["accuracy"].values) == [0.5, 1.0]
    assert list(curves["loss"].values) == [1.5], "what is not finite is left out"


def test_a_run_without_a_log_has_no_curves(tmp_path):
    assert read_curves(tmp_path) == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({50: 0.3, 100: 0.3}, "at step 100 its accuracy is 0.3, and 0.5 in record.json"),
        ({50: 0.3, 150: 0.5}, "it goes to step 150, and the run had 100"),
    ],
)
def test_the_log_of_another_run_is_an_error(grid, values, says):
    run = grid.run("full")
    grid.record(run, 0.5)
    place = grid.path / "runs" / run
    record = read_record(place / "record.json")
    for own in ({50: 0.3, 100: 0.5}, {50: 0.3}):  # a later session may have had no log
        grid.curve(run, own)
        assert read_curves(place, record)["accuracy"].values.tolist() == list(own.values())
    grid.curve(run, values)
    with pytest.raises(RunError, match=f"metrics.jsonl is the log of another run: {says}; put"):
        read_curves(place, record)
