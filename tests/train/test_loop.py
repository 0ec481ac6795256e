"""What the loop does of a run that goes well."""

from pathlib import Path

import pytest
import torch

from seqzoo.model import build_model
from seqzoo.registry import load_registry
from seqzoo.train import load_trained, train
from seqzoo.train.evaluate import evaluate
from seqzoo.train.metrics_log import read_rows
from seqzoo.train.objective import Objective

from .runs import Recorder, final_tensors


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


def test_a_task_with_a_decoder_is_learnt_and_read_back(make_spec, tmp_path: Path) -> None:
    model = {"width": 32, "layers": 1, "mixer": "attention"}
    settings = {
        "steps": 600,
        "batch_size": 32,
        "optimizer": {"lr": 3e-3},
        "evaluate": {"every": 600},
        "checkpoint": {"every": 600},
    }
    task = {"type": "compression", "length": 4, "vocab_size": 4, "test_size": 64}
    record = train(make_spec(settings, task, model=model), tmp_path)
    assert record.metrics["accuracy"] > 0.75  # a third by chance, .91 to .98 over four seeds
    spec, read_back = load_trained(tmp_path, load_registry(entry_points=[]))
    measured = evaluate(Objective(read_back), spec.task.build(), batch_size=32)
    assert measured == pytest.approx(record.metrics)


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
