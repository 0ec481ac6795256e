import json

import pytest
import yaml

from seqzoo.cli import main
from seqzoo.grid.plan.adopting import adopt_plan
from seqzoo.grid.plan.plan import Plan, PlanRow
from seqzoo.train.record import (
    DeviceFacts,
    MetricFacts,
    Record,
    Timings,
    Versions,
    write_record,
)


@pytest.fixture
def grid(tmp_path):
    """Two runs of one layer and two, done."""
    rows = []
    for layers, accuracy in ((1, 0.75), (2, 0.875)):
        spec = {"model": {"layers": layers}, "train": {"steps": 2, "stop": None}, "seed": 0}
        point = {"model.layers": layers}
        rows.append(PlanRow(run_id=f"run{layers}", variant="", point=point, seed=0, spec=spec))
        directory = tmp_path / "runs" / f"run{layers}"
        directory.mkdir(parents=True)
        (directory / "spec.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
        record = Record(
            run_id=f"run{layers}",
            name=None,
            seed=0,
            status="done",
            steps=2,
            max_steps=2,
            reached_at=None,
            target=None,
            metric=MetricFacts(name="accuracy", higher_is_better=True, chance=0.5),
            metrics={"accuracy": accuracy},
            best={},
            parameters=1000 * layers,
            state_size=64,
            timings=Timings(wall_s=1.0, train_s=1.0, tokens=100, tokens_per_s=100.0),
            versions=Versions(seqzoo="0.1", torch="2", python="3.11", plugins={}),
            device=DeviceFacts(kind="cpu", name="a processor", threads=1),
        )
        write_record(directory / "record.json", record)
    plan = Plan(name="g", base="", variants=(), axes=("model.layers",), runs=tuple(rows))
    adopt_plan(tmp_path, plan)
    return tmp_path


def test_runs_that_fail_alike_are_told_once(grid, capsys):
    for layers in (1, 2):
        (grid / "runs" / f"run{layers}" / "record.json").unlink()
        (grid / "runs" / f"run{layers}" / "failure.txt").write_text("no memory\n", encoding="utf-8")
    assert main(["runs", str(grid)]) == 0
    assert "failed run1 and 1 other: no memory\n" in capsys.readouterr().out


def test_runs_are_listed_and_chosen(grid, capsys):
    assert main(["runs", str(grid), "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert [one["model.layers"], two["model.layers"]] == [1, 2]
    assert main(["runs", str(grid), "--where", "layers>1", "--sort", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert two["run"] in out
    assert one["run"] not in out
    assert "0.875" in out
    assert f"1 of 2 runs, each in {grid}/runs/RUN" in out


def test_gaps_give_way_before_words_are_folded(grid, capsys, monkeypatch):
    heads = {}
    for width in (80, 52):
        monkeypatch.setenv("COLUMNS", str(width))
        assert main(["runs", str(grid)]) == 0
        head, _, first, *_ = capsys.readouterr().out.splitlines()
        heads[width] = head.rstrip()
        assert first.split()[0] == "run1"
    words = ["run", "layers", "seed", "state", "accuracy", "steps", "params", "tok/s"]
    assert [head.split() for head in heads.values()] == [words, words]
    assert len(heads[80]) > len(heads[52])


def test_two_runs_are_compared(grid, capsys):
    paths = [str(path) for path in sorted((grid / "runs").iterdir())]
    assert main(["runs", "diff", *paths]) == 0
    out = capsys.readouterr().out
    assert "model.layers" in out
    assert "environment: the same" in out
    assert "+1,000" in out
    assert main(["runs", "diff", *paths, "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert [change["path"] for change in page["spec"]] == ["model.layers"]
    assert page["results"]["parameters"] == [1000, 2000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diff", "a"], "give one DIR, or: diff A B"),
        (["a", "b"], "give one DIR, or: diff A B"),
        (["diff", "a", "b", "--sort", "seed"], "not in a diff"),
    ],
)
def test_other_words_are_told_plainly(capsys, arguments, message):
    assert main(["runs", *arguments]) == 2
    assert message in capsys.readouterr().err
