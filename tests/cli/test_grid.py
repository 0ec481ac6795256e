import json
import sys

import pytest

from seqzoo.cli import main

HEADINGS = ["run", "variant", "seed", "steps", "params", "state"]
GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 4, batch_size: 4, evaluate: {every: 2, sequences: 4}}
variants:
  full: {}
  bold: {train.optimizer.lr: 1e30, train.clip: null, train.log_every: 1}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(GRID, encoding="utf-8")
    return path


def test_a_dry_run_shows_the_plan_and_writes_nothing(file, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["grid", str(file), "--dry-run", "--out", str(out), "--set", "seeds=2"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0] == ["tiny:", "4", "runs,", "0", "done,", "0", "failed,", "4", "to", "do"]
    assert lines[1] == [*HEADINGS, "time", "status"]
    assert [line[1:6] + line[-2:] for line in lines[3:7]] == [
        [variant, seed, "4", "4,224", "257", "to", "do"]
        for variant in ("full", "bold")
        for seed in "01"
    ]
    assert " ".join(lines[7]).endswith(
        "where runs stop early: an estimate from 5 steps and one evaluation of 1 distinct shape"
    )
    assert not out.exists()
    assert main(["grid", str(file), "--dry-run", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert all(run["seconds"] > 0 for run in page["runs"])
    assert page["seconds"] > 0
    assert (page["name"], page["base"]) == ("tiny", "full")
    assert [run["state"] for run in page["runs"]] == ["missing", "missing"]
    assert page["runs"][0]["spec"]["train"]["steps"] == 4


def test_a_dry_run_without_an_estimate_says_what_cannot_be_counted(file, capsys):
    setting = "variants.book={task: {type: text, path: none.txt}}"
    assert main(["grid", str(file), "--dry-run", "--no-estimate", "--set", setting]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == [*HEADINGS, "status"]
    assert [line.split()[-4:] for line in lines[3:6]] == [
        ["4,224", "257", "to", "do"],
        ["4,224", "257", "to", "do"],
        ["?", "?", "to", "do"],
    ]
    assert "cannot be counted: there is no text file none.txt" in lines[6]


def test_a_dry_run_has_the_executors_workers_and_needs_its_library(file, capsys, monkeypatch):
    workers = ["--executor", "{type: local, workers: 3}"]
    assert main(["grid", str(file), "--dry-run", *workers]) == 0
    assert " with 3 workers" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["grid", str(file), "--dry-run", "--no-estimate", "--executor", "ray"]) == 2
    assert "executor 'ray' needs Ray" in capsys.readouterr().err


def test_a_grid_runs_reports_fails_resumes_and_grows(file, tmp_path, capsys):
    out = str(tmp_path / "out")
    arguments = ["grid", str(file), "--out", out, "--workers", "1"]
    assert main(arguments) == 1, "a run failed"
    printed = capsys.readouterr()
    assert "tiny: 1 of 2 runs done (1 failed), 1 seed, from" in printed.out
    assert "failed bold, seed 0: " in printed.out
    assert "[2/2]" in printed.err
    assert "diverged" in printed.err

    assert main([*arguments, "--json", "--set", "variants.bold.train.optimizer.lr=1e-3"]) == 1
    assert "another grid: 1 of its 2 runs is not in this one" in capsys.readouterr().err

    assert main([*arguments, "--json", "--set", "seeds=[0, 1]", "--workers", "2"]) == 1
    page = json.loads(capsys.readouterr().out)
    assert page["runs"] == {"done": 2, "failed": 2, "missing": 0}
    assert [cell["n"] for cell in page["cells"]] == [2, 0]

    again = ["grid", str(file), "--out", out, "--dry-run", "--set", "seeds=2"]
    assert main([*again, "--no-estimate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "tiny: 4 runs, 2 done, 2 failed, 0 to do"
    assert [line.split()[-1] for line in lines[3:]] == ["done", "done", "failed", "failed"]


def test_wrong_input_is_told_plainly(file, tmp_path, capsys):
    run = tmp_path / "run.yaml"
    run.write_text(
        "model: {width: 16, layers: 1, mixer: attention}\ntask: parity\ntrain: {steps: 1}\n",
        encoding="utf-8",
    )
    for arguments, message in (
        ([str(run), "--out", "x"], "run.yaml is a run, not a grid; seqzoo train"),
        ([str(file)], "--out is missing"),
        ([str(file), "--out", "x", "--executor", "locale"], "did you mean 'local'?"),
        ([str(file), "--out", "x", "--workers", "0"], "--workers"),
        ([str(tmp_path / "none.yaml"), "--out", "x"], "none.yaml"),
    ):
        assert main(["grid", *arguments]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error


def test_a_directory_that_cannot_be_made_is_told_plainly(file, capsys):
    assert main(["grid", str(file), "--out", str(file / "out")]) == 1
    assert "choose an --out directory that you may write to" in capsys.readouterr().err


def test_a_grid_under_torchrun_is_refused(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["grid", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "one of 2 processes (WORLD_SIZE=2), as torchrun does" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
