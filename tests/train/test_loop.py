import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel, build_model
from seqzoo.registry import load_registry
from seqzoo.spec.run import RunSpec
from seqzoo.train import Record, Watch, load_trained, read_record, train
from seqzoo.train.evaluate import evaluate
from seqzoo.train.metrics_log import read_rows
from seqzoo.train.objective import Objective

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

TIMES = ("wall_s", "tokens_per_s")


def final_tensors(directory: Path) -> dict[str, torch.Tensor]:
    (folder,) = (directory / "checkpoint").iterdir()
    return {
        f"{file}/{name}": tensor
        for file in ("model", "training")
        for name, tensor in load_file(folder / f"{file}.safetensors").items()
    }


def rows_without_times(directory: Path) -> list[dict[str, Any]]:
    rows = read_rows(directory / "metrics.jsonl")
    return [{key: row[key] for key in row if key not in TIMES} for row in rows]


def assert_same_run(left: Path, right: Path) -> None:
    mine, theirs = final_tensors(left), final_tensors(right)
    assert mine.keys() == theirs.keys()
    for name, tensor in mine.items():
        assert torch.equal(tensor, theirs[name]), name
    assert rows_without_times(left) == rows_without_times(right)
    records = [read_record(each / "record.json") for each in (left, right)]
    measured = {"timings", "memory"}
    assert records[0].model_dump(exclude=measured) == records[1].model_dump(exclude=measured)


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


class Recorder(Watch):
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.rows: list[dict[str, Any]] = []

    def started(self, spec: RunSpec, facts: Any) -> None:
        self.events.append(("started", facts.resumed_at))

    def logged(self, row: dict[str, Any]) -> None:
        self.events.append(("logged", row["step"]))
        self.rows.append(row)

    def evaluated(self, row: dict[str, Any]) -> None:
        self.events.append(("evaluated", row["step"]))
        self.rows.append(row)

    def saved(self, step: int) -> None:
        self.events.append(("saved", step))

    def finished(self, record: Record) -> None:
        self.events.append(("finished", record.steps))


class Interrupter(Watch):
    def logged(self, row: dict[str, Any]) -> None:
        if row["step"] == 10:
            raise KeyboardInterrupt


def test_the_watch_is_told_everything_in_order_and_the_log_holds_its_rows(
    make_spec, tmp_path: Path
) -> None:
    watch = Recorder()
    record = train(make_spec({"steps": 11}), tmp_path, watch=watch)
    assert watch.events == [
        ("started", 0),
        *[("evaluated", 4), ("saved", 4), ("logged", 5), ("evaluated", 8), ("saved", 8)],
        *[("logged", 10), ("logged", 11), ("evaluated", 11), ("saved", 11), ("finished", 11)],
    ]
    assert list(read_rows(tmp_path / "metrics.jsonl")) == watch.rows
    last = watch.rows[-1]
    assert record.metrics == {name: last[name] for name in ("loss", "accuracy")}
    evaluations = [row for row in watch.rows if row["kind"] == "evaluation"]
    assert record.best["accuracy"] == max(row["accuracy"] for row in evaluations)
    assert record.best["loss"] == min(row["loss"] for row in evaluations)
    assert (record.steps, record.max_steps, record.reached_at) == (11, 11, None)
    assert record.timings.tokens == 11 * 8 * 8
    assert record.timings.tokens_per_s == pytest.approx(11 * 64 / record.timings.train_s)
    assert 0 < record.timings.train_s < record.timings.wall_s


def test_a_logged_loss_is_the_mean_of_its_steps(make_spec, tmp_path: Path) -> None:
    coarse, fine = Recorder(), Recorder()
    train(make_spec({"log_every": 6}), tmp_path / "a", watch=coarse)
    train(make_spec({"log_every": 1}), tmp_path / "b", watch=fine)
    each = [row["loss"] for row in fine.rows if row["kind"] == "train"]
    means = [row["loss"] for row in coarse.rows if row["kind"] == "train"]
    assert means == pytest.approx([sum(each[:6]) / 6, sum(each[6:]) / 6])


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


def test_seeds_differ_and_the_callers_randomness_is_untouched(make_spec, tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    losses = [train(make_spec(seed=seed), tmp_path / str(seed)).metrics["loss"] for seed in (0, 1)]
    assert losses[0] != losses[1]
    assert torch.equal(torch.rand(3), expected)


def test_training_stops_at_the_target_and_saves(make_spec, tmp_path: Path) -> None:
    spec = make_spec({"stop": {"target": 0.0}, "checkpoint": {"every": 100}})
    watch = Recorder()
    record = train(spec, tmp_path, watch=watch)
    assert (record.steps, record.reached_at, record.target) == (4, 4, 0.0)
    assert watch.events[-2:] == [("saved", 4), ("finished", 4)]
    (tmp_path / "record.json").unlink()
    assert train(spec, tmp_path).steps == 4
    missed = train(make_spec({"stop": {"target": 1.1}}), tmp_path / "b")
    assert (missed.steps, missed.reached_at, missed.target) == (12, None, 1.1)


def test_a_model_that_can_learn_does(make_spec, tmp_path: Path) -> None:
    spec = make_spec(
        {
            "steps": 400,
            "batch_size": 32,
            "optimizer": {"lr": 1e-2},
            "evaluate": {"every": 50},
            "stop": {"target": 1.0},
        },
        {"type": "parity", "length": 3, "bits": 1, "vocab_size": 8, "test_size": 64},
    )
    assert train(spec, tmp_path).metrics["accuracy"] == 1.0


class Poisoned(LanguageModel):
    """Its logits are not finite in training from a step on."""

    left = 6

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        self.left -= self.training
        return super().logits(hidden) * (math.nan if self.left < 0 else 1.0)


def poisoned(spec: RunSpec, vocab_size: int) -> LanguageModel:
    return Poisoned(spec.model, vocab_size)


def test_a_loss_that_is_not_finite_stops_the_run(make_spec, tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        train(make_spec(), tmp_path, build=poisoned)
    message = str(caught.value)
    assert "diverged: at step 7 the loss is nan" in message
    assert str(tmp_path / "checkpoint" / "step-00000004") in message
    record = read_record(tmp_path / "record.json")
    assert (record.status, record.steps) == ("diverged", 6)
    assert record.timings.tokens == 6 * 64
    saved = final_tensors(tmp_path)
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())
    with pytest.raises(RunError, match="diverged after step 6 when it ran before"):
        train(make_spec(), tmp_path)


def test_divergence_before_the_first_checkpoint_says_so(make_spec, tmp_path: Path) -> None:
    spec = make_spec({"checkpoint": {"every": 10}, "evaluate": {"every": 10}})
    with pytest.raises(RunError, match="no checkpoint was saved before"):
        train(spec, tmp_path, build=poisoned)
    assert read_record(tmp_path / "record.json").metrics == {}


def test_data_that_changed_under_a_run_is_noticed(make_spec, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("some words " * 20)
    spec = make_spec(task={"type": "text", "path": str(text), "length": 8, "unit": "char"})
    with pytest.raises(KeyboardInterrupt):
        train(spec, tmp_path / "run", watch=Interrupter())
    text.write_text("some swords" * 20)
    with pytest.raises(RunError, match="the data of task 'text' changed since"):
        train(spec, tmp_path / "run")


def test_the_model_is_built_from_the_spec_by_the_runs_seed(make_spec, tmp_path: Path) -> None:
    spec = make_spec({"steps": 1, "optimizer": {"lr": 1e-12}}, seed=7)
    train(spec, tmp_path)
    torch.manual_seed(7)
    fresh = build_model(spec).state_dict()
    for name, tensor in final_tensors(tmp_path).items():
        kind, _, rest = name.partition("/")
        if kind == "model":
            assert torch.allclose(tensor, fresh[rest], atol=1e-9), rest


def test_training_stops_when_patience_runs_out(make_spec, tmp_path: Path) -> None:
    frozen = {"lr": 1e-12}  # too small to change a metric: the first evaluation stays the best
    spec = make_spec({"optimizer": frozen, "stop": {"patience": 2}, "evaluate": {"every": 2}})
    watch = Recorder()
    record = train(spec, tmp_path, watch=watch)
    assert (record.steps, record.reached_at, record.target) == (6, None, None)
    assert watch.events[-2:] == [("saved", 6), ("finished", 6)]
    (tmp_path / "record.json").unlink()
    assert train(spec, tmp_path).steps == 6


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


def test_a_task_with_a_decoder_is_learnt_and_read_back(make_spec, tmp_path: Path) -> None:
    model = {"width": 32, "layers": 1, "mixer": "attention"}
    settings = {
        "steps": 300,
        "batch_size": 32,
        "optimizer": {"lr": 5e-3},
        "evaluate": {"every": 300},
        "checkpoint": {"every": 300},
    }
    task = {"type": "compression", "length": 4, "vocab_size": 4, "test_size": 64}
    record = train(make_spec(settings, task, model=model), tmp_path)
    assert record.metrics["accuracy"] > 0.8  # a third by chance
    spec, read_back = load_trained(tmp_path, load_registry(entry_points=[]))
    measured = evaluate(Objective(read_back), spec.task.build(), batch_size=32)
    assert measured["accuracy"] > 0.8


def test_the_average_is_what_is_evaluated_and_saved(make_spec, tmp_path: Path) -> None:
    settings = {"optimizer": {"lr": 0.05}, "checkpoint": {"every": 12}}
    plain = train(make_spec(settings), tmp_path / "plain")
    averaged = train(make_spec({**settings, "ema": {"decay": 0.99}}), tmp_path / "ema")
    assert averaged.metrics["loss"] != plain.metrics["loss"]
    trained = {k: v for k, v in final_tensors(tmp_path / "plain").items() if k[:6] == "model/"}
    saved = final_tensors(tmp_path / "ema")
    for name, tensor in trained.items():  # the same weights were trained, and are kept beside
        kept = saved[f"training/extra/weights/{name.removeprefix('model/')}"]
        assert torch.equal(kept, tensor)
    registry = load_registry(entry_points=[])
    spec, model = load_trained(tmp_path / "ema", registry)
    metrics = evaluate(Objective(model), spec.task.build(), batch_size=5, sequences=16)
    assert metrics["loss"] == pytest.approx(averaged.metrics["loss"], rel=1e-6)


class Overflowing(LanguageModel):
    """Its gradients overflow for a while, or for good."""

    until = 3

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = super().logits(hidden)
        if self.training:
            self.until -= 1
            if self.until >= 0:
                logits.register_hook(lambda gradient: gradient * torch.inf)
        return logits


class AlwaysOverflowing(Overflowing):
    until = 1000


def test_updates_that_overflow_are_skipped_and_counted(make_spec, tmp_path: Path) -> None:
    watch = Recorder()
    record = train(
        make_spec({"precision": "float16", "log_every": 2}),
        tmp_path / "a",
        watch=watch,
        build=lambda spec, vocab_size: Overflowing(spec.model, vocab_size),
    )
    assert record.skipped_steps == 3
    rows = [row for row in watch.rows if row["kind"] == "train"]
    assert [row["skipped"] for row in rows[:3]] == [2, 3, 3]
    assert ["gradient_norm" not in row for row in rows[:3]] == [True, False, False]
    with pytest.raises(RunError, match="the updates of 40 steps were skipped"):
        train(
            make_spec({"precision": "float16", "steps": 60}),
            tmp_path / "b",
            build=lambda spec, vocab_size: AlwaysOverflowing(spec.model, vocab_size),
        )


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
