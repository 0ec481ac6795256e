from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqzoo.cli import main

RUN = """\
model: {width: 16, layers: 1, mixer: recurrent}
task: {type: parity, length: 8}
train: {steps: 10}
"""
GRID = """\
base: run.yaml
variants: {full: {}, wide: {model.width: 32}}
axes: {task.length: [8, 9, 10]}
paired: {train.steps: [1, 2], train.batch_size: [4, 8]}
exclude: [{variant: wide, task.length: 8}]
seeds: 2
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(RUN)
    Path("grid.yaml").write_text(GRID)
    Path("bad.yaml").write_text(RUN.replace("steps", "stepz"))


def test_good_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "run.yaml", "grid.yaml"]) == 0
    run, grid = capsys.readouterr().out.splitlines()
    assert run.startswith("run.yaml: a run, id ")
    assert grid == (
        "grid.yaml: a grid of 20 runs: 2 variants x 2 pairs x 3 task.length x 2 seeds, 1 excluded"
    )


def test_every_file_is_checked_and_one_bad_one_is_enough(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "bad.yaml", "run.yaml", "none.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("run.yaml: a run")
    assert err == (
        "bad.yaml:3:9 train.stepz: unknown key 'stepz' in 'train'; did you mean 'steps'?\n"
        "bad.yaml: 1 problem\n"
        "none.yaml: there is no such file; known: bad.yaml, grid.yaml, run.yaml\n"
        "none.yaml: 1 problem\n"
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "grid.yaml", "bad.yaml"]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    grid, bad = json.loads(out)
    assert (grid["file"], grid["kind"], grid["runs"], grid["problems"]) == (
        "grid.yaml",
        "grid",
        20,
        [],
    )
    assert bad["kind"] is None
    assert bad["problems"] == [
        {
            "where": "bad.yaml:3:9",
            "path": "train.stepz",
            "what": "unknown key 'stepz' in 'train'",
            "hint": "did you mean 'steps'?",
        }
    ]


def test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "grid.yaml", "--set", "seeds=1", "--set", "base.train.clip=null"]) == 0
    assert "a grid of 10 runs" in capsys.readouterr().out


def test_a_missing_file_is_told_where_its_task_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "text.yaml"
    run.write_text(
        "model: {width: 16, layers: 1, mixer: prism}\n"
        "task: {type: text, path: nope.txt, length: 16}\ntrain: {steps: 1}\n"
    )
    assert main(["check", str(run)]) == 2
    assert f"{run}:2:7 task: there is no text file nope.txt" in capsys.readouterr().err


def test_a_tuned_grid_says_how_many_trials(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "examples" / "grid_tuned.yaml"
    assert main(["check", str(example)]) == 0
    told = "a grid of 6 runs: 2 variants x 3 seeds; each cell is tuned first, in 8 trials at most"
    assert told in capsys.readouterr().out
