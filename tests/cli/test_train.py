import json
from pathlib import Path

import pytest

from seqzoo.cli import main
from seqzoo.train import Record, read_record
from seqzoo.train.loggers.console import ConsoleLogger

RUN = """\
name: tiny
model: {width: 8, layers: 1, mixer: attention}
task: {type: parity, length: 8, vocab_size: 8, test_size: 32}
train: {steps: 6, batch_size: 8, evaluate: {every: 3}, checkpoint: {every: 3}, device: cpu}
"""


@pytest.fixture
def run(tmp_path: Path) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(RUN)
    return str(path)


def test_a_run_is_trained_and_told(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["train", run, "--out", str(out), "--set", "train.steps=5", "--set", "seed=3"]) == 0
    record = read_record(out / "record.json")
    assert (record.steps, record.seed, record.name) == (5, 3, "tiny")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"tiny ({record.run_id}) on parity: ")
    assert lines[-2].startswith("done after 5 steps: loss ")
    assert lines[-1] == f"record: {out / 'record.json'}"
    assert {each.name for each in out.iterdir()} >= {
        *("spec.yaml", "record.json", "metrics.jsonl", "checkpoint")
    }


def test_json_is_the_record_and_nothing_else(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", run, "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr()
    assert Record.model_validate(json.loads(printed.out)) == read_record(
        tmp_path / "out" / "record.json"
    )
    assert "done after 6 steps" in printed.err


def test_the_resolved_spec_trains_the_same_run(run: str, tmp_path: Path) -> None:
    assert main(["train", run, "--out", str(tmp_path / "a")]) == 0
    assert main(["train", str(tmp_path / "a" / "spec.yaml"), "--out", str(tmp_path / "b")]) == 0
    left, right = (read_record(tmp_path / each / "record.json") for each in "ab")
    assert (left.run_id, left.metrics) == (right.run_id, right.metrics)


def test_a_grid_is_sent_to_its_own_command(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = tmp_path / "grid.yaml"
    grid.write_text("base: run.yaml\nseeds: 2\n")
    assert main(["train", str(grid), "--out", str(tmp_path / "out")]) == 2
    assert f"seqzoo grid {grid} --out" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_input_exits_with_2_and_a_failed_run_with_1(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", run, "--out", str(tmp_path / "out"), "--set", "train.stps=5"]) == 2
    assert "did you mean 'steps'?" in capsys.readouterr().err
    assert main(["train", run, "--out", str(tmp_path / "out"), "--set", "train.accumulate=3"]) == 2
    assert "accumulate 3 does not divide batch_size 8" in capsys.readouterr().err
    assert main(["train", run, "--out", run]) == 2
    assert f"{run} is a file; --out names a folder" in capsys.readouterr().err
    assert main(["train", run, "--out", f"{run}/below"]) == 1
    assert f"cannot write {run}/below" in capsys.readouterr().err
    assert main(["train", run, "--out", str(tmp_path / "out")]) == 0
    assert main(["train", run, "--out", str(tmp_path / "out"), "--set", "seed=7"]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_an_interrupt_says_where_the_run_goes_on(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(logger: ConsoleLogger, step: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleLogger, "saved", interrupt)
    command = ["train", run, "--out", str(tmp_path / "out")]
    assert main(command) == 130
    assert "interrupted; the same command resumes after step 3" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(command) == 0
    assert "resumed after step 3" in capsys.readouterr().out
