import math

import pytest
import torch
import torch.nn.functional as F

from seqzoo.errors import RunError
from seqzoo.model import build_model
from seqzoo.tasks import IGNORED, Batch
from seqzoo.tasks.state_tracking import StateTracking
from seqzoo.tasks.text import Text
from seqzoo.train.evaluate import _first, evaluate
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


@pytest.mark.parametrize("batch_size", [1, 3, 8, 32])
def test_the_first_sequences_are_the_same_whatever_the_batch_size(
    make_spec, batch_size: int
) -> None:
    task = make_spec().task.build()
    model = build_model(make_spec().model, vocab_size=task.vocab_size)
    few = evaluate(Objective(model), task, batch_size=batch_size, sequences=7)
    first = next(iter(task.test_batches(7)))
    with torch.no_grad():
        logits = model.eval()(first.tokens)[0][:, -1]
    right = logits.argmax(-1) == first.labels[:, -1]
    assert few["accuracy"] == pytest.approx(float(right.float().mean()))
    loss = F.cross_entropy(logits, first.labels[:, -1])
    assert few["loss"] == pytest.approx(float(loss), rel=1e-5)
    every = evaluate(Objective(model), task, batch_size=batch_size)
    assert evaluate(Objective(model), task, batch_size=batch_size, sequences=99) == every


@pytest.mark.parametrize(("sequences", "labels"), [(2, 14), (3, 21), (5, 35), (99, 180)])
def test_of_streams_the_first_windows_count(
    make_spec, tmp_path, sequences: int, labels: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the quick brown fox " * 30)
    spec = Text.Spec(path=str(path), unit="char", length=7, validation=0.3, test_streams=2)
    task: Text = spec.build()
    counts = [batch.labelled()[0].numel() for batch in _first(task.test_batches(1), sequences)]
    assert sum(counts) == labels
    model = build_model(make_spec().model, vocab_size=task.vocab_size)
    evaluate(Objective(model), task, batch_size=16, sequences=sequences)


def test_a_test_set_without_labels_is_an_error(make_spec) -> None:
    task = make_spec().task.build()
    task.__dict__["_test_set"] = Batch(
        torch.zeros(4, 8, dtype=torch.long), torch.full((4, 8), IGNORED)
    )
    model = build_model(make_spec().model, vocab_size=task.vocab_size)
    with pytest.raises(RunError, match=r"test set of task 'parity' has no label at any position"):
        evaluate(Objective(model), task, batch_size=4)


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
