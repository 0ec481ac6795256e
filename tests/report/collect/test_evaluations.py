from seqzoo.report.collect.evaluations import read_curves

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
