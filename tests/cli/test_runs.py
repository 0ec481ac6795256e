import json

import pytest

from seqzoo.cli import main

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 2, batch_size: 4, evaluate: {every: 2, batches: 1}}
axes: {model.layers: [1, 2]}
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "grid.yaml").write_text(GRID, encoding="utf-8")
    assert main(["grid", str(folder / "grid.yaml"), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_runs_are_listed_and_chosen(grid, capsys):
    capsys.readouterr()
    assert main(["runs", str(grid), "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert [one["model.layers"], two["model.layers"]] == [1, 2]
    assert main(["runs", str(grid), "--where", "layers>1", "--sort", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert two["run"] in out
    assert one["run"] not in out
    assert f"{two['accuracy']:.3f}" in out
    assert "1 of 2 runs, each in " in out


def test_two_runs_are_compared(grid, capsys):
    capsys.readouterr()
    paths = [str(path) for path in sorted((grid / "runs").iterdir())]
    assert main(["runs", "diff", *paths]) == 0
    out = capsys.readouterr().out
    assert "model.layers" in out
    assert "environment: the same" in out
    assert main(["runs", "diff", *paths, "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert [change["path"] for change in page["spec"]] == ["model.layers"]
    assert len(page["results"]["parameters"]) == 2


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
