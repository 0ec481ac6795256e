"""A run that was broken off goes on with the same bits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import RunError
from seqzoo.spec.run import RunSpec
from seqzoo.train import Watch, train
from seqzoo.train.metrics_log import read_rows

from .runs import Interrupter, Recorder, assert_same_run

KILLED_AFTER_THE_CHECKPOINT = """
import os, signal, sys
from pathlib import Path
from seqzoo import load_registry, load_spec
from seqzoo.train import Watch, train

class Killer(Watch):
    def evaluated(self, row):
        if row["step"] == 9:
            os.kill(os.getpid(), signal.SIGKILL)

train(load_spec(sys.argv[1], load_registry([])), sys.argv[2], watch=Killer())
"""


KILLED_IN_THE_MIDDLE_OF_SAVING = """
import os, signal, sys
from seqzoo import load_registry, load_spec
from seqzoo.train import checkpoint, train

save_file, calls = checkpoint.save_file, []

def save_half(tensors, path):
    calls.append(path)
    if len(calls) == 4:
        path.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    save_file(tensors, path)

checkpoint.save_file = save_half
train(load_spec(sys.argv[1], load_registry([])), sys.argv[2])
"""


def kill_minus_nine(script: str, spec: RunSpec, directory: Path) -> None:
    file = directory.with_suffix(".yaml")
    file.write_text(json.dumps(spec.resolved()))
    command = [sys.executable, "-c", script, str(file), str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    assert not (directory / "record.json").exists()


LADEN = {  # all that a checkpoint can hold
    "optimizer": {"type": "muon"},
    "precision": "float16",
    "schedule": {"type": "wsd", "warmup": 2, "decay": 0.5},
    "ema": {"decay": 0.9},
}


@pytest.mark.parametrize(
    ("script", "settings", "left_at"),
    [(KILLED_AFTER_THE_CHECKPOINT, LADEN, 6), (KILLED_IN_THE_MIDDLE_OF_SAVING, {}, 6)],
    ids=["training", "saving"],
)
def test_a_run_killed_and_resumed_ends_with_the_bits_of_an_unbroken_one(
    make_spec, tmp_path: Path, script: str, settings: dict[str, Any], left_at: int
) -> None:
    # The optimizer has state, dropout draws, and the rows of the log straddle the checkpoint.
    beside = {"checkpoint": {"every": 6}, "evaluate": {"every": 9}, "accumulate": 2}
    spec = make_spec({**settings, **beside})
    kill_minus_nine(script, spec, tmp_path / "broken")
    resumed = Recorder()
    train(spec, tmp_path / "broken", watch=resumed)
    assert resumed.events[0] == ("started", left_at)
    train(spec, tmp_path / "unbroken")
    assert_same_run(tmp_path / "broken", tmp_path / "unbroken")


def test_an_interrupted_run_resumes(make_spec, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(make_spec(), tmp_path / "a", watch=Interrupter())
    train(make_spec(), tmp_path / "a")
    train(make_spec(), tmp_path / "b")
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_a_run_without_a_checkpoint_starts_again(make_spec, tmp_path: Path) -> None:
    spec = make_spec({"checkpoint": {"every": 100}})
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "a", watch=Interrupter())
    train(spec, tmp_path / "a")
    train(spec, tmp_path / "b")
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_a_finished_run_is_not_repeated(make_spec, tmp_path: Path) -> None:
    record = train(make_spec(), tmp_path)
    watch = Recorder()
    assert train(make_spec(), tmp_path, watch=watch) == record
    assert watch.events == [("finished", 12)]
    (tmp_path / "record.json").unlink()  # killed between the last checkpoint and the record
    again = train(make_spec(), tmp_path)
    measured = {"timings", "memory"}
    assert again.model_dump(exclude=measured) == record.model_dump(exclude=measured)
    with pytest.raises(RunError, match=f"holds run {record.run_id}, and this is run"):
        train(make_spec(seed=5), tmp_path)


def test_data_that_changed_under_a_run_is_noticed(make_spec, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("some words " * 20)
    spec = make_spec(task={"type": "text", "path": str(text), "length": 8, "unit": "char"})
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "run", watch=Interrupter())
    text.write_text("some swords" * 20)
    with pytest.raises(RunError, match="the data of task 'text' changed since"):
        train(spec, tmp_path / "run")


@pytest.mark.parametrize(
    ("settings", "task"),
    [
        ({"precision": "float16", "ema": {"decay": 0.9}}, None),
        ({"precision": "bfloat16", "optimizer": {"type": "muon"}, "deterministic": True}, None),
        ({"activation_checkpointing": True, "schedule": {"type": "wsd", "warmup": 2}}, None),
        ({"optimizer": {"type": "muon"}, "accumulate": 2}, {"type": "compression", "length": 6}),
    ],
    ids=["float16-ema", "bfloat16-muon", "recompute-wsd", "muon-accumulate-decoder"],
)
def test_every_way_of_training_resumes_with_the_same_bits(
    make_spec, tmp_path: Path, settings: dict[str, Any], task: dict[str, Any] | None
) -> None:
    spec = make_spec({**settings, "checkpoint": {"every": 3}}, task)
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "a", watch=Interrupter())
    train(spec, tmp_path / "a")
    train(spec, tmp_path / "b")
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_the_logged_learning_rate_is_that_of_the_step(make_spec, tmp_path: Path) -> None:
    settings = {
        "steps": 8,
        "log_every": 1,
        "optimizer": {"lr": 0.1},
        "schedule": {"type": "cosine", "warmup": 2},
        "checkpoint": {"every": 3},
    }

    class StoppedError(Exception):
        pass

    class Stop(Watch):
        def saved(self, step: int) -> None:
            raise StoppedError

    spec = make_spec(settings)
    with pytest.raises(StoppedError):
        train(spec, tmp_path, watch=Stop())
    train(spec, tmp_path)
    schedule = spec.train.schedule.build(8)
    rates = [row["lr"] for row in read_rows(tmp_path / "metrics.jsonl", "train")]
    assert rates == pytest.approx([0.1 * schedule.factor(step) for step in range(8)])
