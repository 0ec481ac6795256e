import pytest

from seqzoo.report import make_report
from seqzoo.report.figures.lengths import by_length, draw_lengths
from seqzoo.train.record import MetricFacts

TASK = {"type": "state_tracking", "length": 32, "test_lengths": [64, 128]}


@pytest.fixture
def tracked(grid):
    """Two variants, two seeds, accuracy at three lengths and at a cutoff that is none."""
    for variant, falls in (("full", 0.1), ("thin", 0.2)):
        for seed in (0, 1):
            grid.run(variant, seed)
            spec = {**grid.rows[-1].spec, "task": TASK}
            grid.rows[-1] = grid.rows[-1].model_copy(update={"spec": spec})
            metrics = {f"accuracy@{n}": 1 - falls * k for k, n in enumerate((32, 64, 128))}
            metrics = {name: value - seed / 50 for name, value in metrics.items()}
            grid.record(
                grid.rows[-1].run_id,
                0.0,
                metrics={**metrics, "accuracy@5": 0.0, "loss": 1.0},
                metric=MetricFacts(name="accuracy@32", higher_is_better=True, chance=0.1),
            )
    grid.freeze(base="full")
    return make_report(grid.path)


def test_the_metric_at_each_test_length_over_seeds(tracked):
    thin = [result for result in tracked.collection.results if result.variant == "thin"]
    summaries = by_length(thin)
    assert list(summaries) == [32, 64, 128]
    assert [each.mean for each in summaries.values()] == pytest.approx([0.99, 0.79, 0.59])
    assert {each.n for each in summaries.values()} == {2}


@pytest.fixture
def axes(tracked):
    (drawing,) = draw_lengths(tracked)
    return drawing.figure.axes


def test_each_variant_is_a_line_over_the_lengths(axes):
    (ax,) = axes
    full, thin = (line for line in ax.get_lines() if line.get_label() in ("full", "thin"))
    assert list(full.get_xdata()) == [32, 64, 128]
    assert list(thin.get_ydata()) == pytest.approx([0.99, 0.79, 0.59])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["32", "64", "128"]
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"] == [32]


def test_tasks_of_one_length_have_no_such_figure(grid):
    grid.cell("full", {0: 0.5, 1: 0.6})
    grid.freeze(base="full")
    assert list(draw_lengths(make_report(grid.path))) == []
