import pytest

from seqzoo.errors import SpecError
from seqzoo.report import collect, list_runs
from seqzoo.report.runs.conditions import run_row


def chosen(grid, *conditions, sort=None):
    return [result.run_id for result in list_runs(collect(grid.path), conditions, sort)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], range(12)),
        (["state=failed"], [7, 9]),
        (["variant=full", "seed=1"], [1, 7]),
        (["accuracy>=0.9"], [0, 1, 2]),
        (["accuracy < 0.7"], [3, 4, 5]),
        (["loss<1e-1"], [0, 1, 2]),
        (["task=parity", "variant != thin", "state=done"], [6]),
        (["task.type=xor", "accuracy>0.96"], [1]),
        (["train.steps=100", "reached_at<=60"], [0, 1]),
        (["accuracy=null"], [7, 9, 10, 11]),
        (["variant<5"], []),
    ],
)
def test_conditions_choose(ablation, conditions, expected):
    assert chosen(ablation, *conditions) == [f"run{index}" for index in expected]


def test_runs_are_sorted_by_a_fact_and_those_without_it_come_last(ablation):
    order = chosen(ablation, "task=xor", sort="accuracy")
    assert order == ["run4", "run5", "run3", "run2", "run0", "run1"]
    assert chosen(ablation, "task=parity", sort="accuracy")[:2] == ["run6", "run8"]
    assert chosen(ablation, "seed=0", "task=xor", sort="variant") == ["run0", "run4", "run2"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("acuracy>1", "no run here has 'acuracy'; did you mean 'accuracy'?"),
        ("state", "'state' is not a condition; write NAME=VALUE, or with one of != < <= > >="),
        ("=3", "'=3' is not a condition"),
    ],
)
def test_what_cannot_be_asked_is_told(ablation, condition, message):
    with pytest.raises(SpecError) as caught:
        chosen(ablation, condition)
    assert message in str(caught.value)


def test_a_row_tells_what_became_of_a_run(ablation):
    done, failed = (run_row(collect(ablation.path).results[index]) for index in (0, 7))
    assert (done["run"], done["task.type"], done["accuracy"]) == ("run0", "xor", 0.95)
    assert (done["state"], done["reached_at"], done["wall_s"]) == ("done", 40, 2.0)
    assert (failed["state"], failed["error"], failed["steps"]) == (
        "failed",
        "ValueError('no')",
        None,
    )


def test_words_mean_what_they_mean_in_specs(grid):
    names = ("off", "on", "[no mlp]", ":100:", "no mlp [/2]", "a #1", "010", "1", "it's", "a ")
    for name in names:
        grid.cell(name, {0: 0.5}, {"model.norm": name == "on"})
    grid.freeze()
    for place, name in enumerate(names):
        assert chosen(grid, f"variant={name}") == [f"run{place}"], name
    assert chosen(grid, "variant= off ") == ["run0"], "spaces count only where a name has them"
    assert chosen(grid, "variant=a") == [], "a # in a word begins no comment"
    assert chosen(grid, "variant='off'") == ["run0"]
    assert chosen(grid, "model.norm=true") == ["run1"]
    assert chosen(grid, "model.norm=1") == []
    assert chosen(grid, "seed=1e0") == []
    assert len(chosen(grid, "seed=0")) == len(names)
    assert len(chosen(grid, "seed=false")) == 0
    with pytest.raises(SpecError, match="--where seed=00: 00 has a leading zero; write 0"):
        chosen(grid, "seed=00")
