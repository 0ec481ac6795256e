import math

import pytest
import torch
import torch.nn.functional as F

from seqzoo.model import build_model
from seqzoo.tasks.state_tracking import StateTracking
from seqzoo.tasks.text import Text
from seqzoo.train.evaluate import evaluate
from seqzoo.train.objective import Objective


def test_metrics_are_exact_whatever_the_batch_size(make_spec, tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the quick brown fox " * 30)
    task: Text = Text.Spec(path=str(path), unit="char", length=7, validation=0.3).build()
    torch.manual_seed(0)
    model = build_model(make_spec().model, vocab_size=task.vocab_size).train()
    nats = count = 0.0
    with torch.no_grad():
        model.eval()
        for batch in task.test_batches(1):
            logits, _ = model(batch.tokens)
            each = F.cross_entropy(logits[0], batch.labels[0], reduction="none")
            nats, count = nats + float(each.sum()), count + int((batch.labels >= 0).sum())
        model.train()
    assert count == 180
    for size in (1, 4, 1000):
        metrics = evaluate(Objective(model), task, batch_size=size)
        assert metrics["loss"] == pytest.approx(nats / count, rel=1e-5)
        assert metrics["bits_per_byte"] == pytest.approx(nats / count / math.log(2), rel=1e-5)
        assert model.training


def test_the_first_batches_only(make_spec) -> None:
    task = make_spec().task.build()
    model = build_model(make_spec().model, vocab_size=task.vocab_size)
    few = evaluate(Objective(model), task, batch_size=8, batches=1)
    first = next(iter(task.test_batches(8)))
    with torch.no_grad():
        right = model.eval()(first.tokens)[0][:, -1].argmax(-1) == first.labels[:, -1]
    assert few["accuracy"] == pytest.approx(float(right.float().mean()))


def test_a_length_is_measured_as_if_sequences_ended_there(make_spec) -> None:
    spec = StateTracking.Spec(group="Z2", length=4, test_lengths=(9,), test_size=64)
    task: StateTracking = spec.build()
    torch.manual_seed(0)
    model = build_model(make_spec().model, vocab_size=2)
    metrics = evaluate(Objective(model), task, batch_size=16)
    (whole,) = task.test_batches(64)
    for length in (4, 9):
        with torch.no_grad():
            logits = model.eval()(whole.tokens[:, :length])[0][:, -1]
        right = (logits.argmax(-1) == whole.labels[:, length - 1]).float().mean()
        assert metrics[f"accuracy@{length}"] == pytest.approx(float(right))


def test_streams_are_measured_as_if_read_in_one_go(make_spec, tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the quick brown fox " * 30)
    spec = Text.Spec(path=str(path), unit="char", length=7, validation=0.3, test_streams=2)
    task: Text = spec.build()
    torch.manual_seed(0)
    model = build_model(make_spec().model, vocab_size=task.vocab_size)
    metrics = evaluate(Objective(model), task, batch_size=16)
    whole: Text = spec.model_copy(update={"length": 90}).build()
    (batch,) = whole.test_batches(2)
    with torch.no_grad():
        logits, _ = model.eval()(batch.tokens)
    expected = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
    assert metrics["loss"] == pytest.approx(float(expected), rel=1e-5)
    anew = evaluate(
        Objective(model), Text.Spec(path=str(path), unit="char", length=7).build(), batch_size=2
    )
    assert anew["loss"] != pytest.approx(metrics["loss"], rel=1e-4)
