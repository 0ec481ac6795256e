import torch

from seqzoo.tasks import IGNORED, Batch, Metric
from seqzoo.tasks.parity import Parity


def test_labelled_gives_flat_positions_and_targets() -> None:
    labels = torch.tensor([[IGNORED, 3, IGNORED], [1, IGNORED, 2]])
    positions, targets = Batch(torch.zeros(2, 3, dtype=torch.int64), labels).labelled()
    assert positions.tolist() == [1, 3, 5]
    assert targets.tolist() == [3, 1, 2]


def test_sums_over_parts_are_the_metrics_of_the_whole() -> None:
    task = Parity.Spec().build()
    logits = torch.randn(11, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(11) % 4

    def measured(cut: slice) -> dict[str, torch.Tensor]:
        labels = targets[cut].unsqueeze(1)
        return task.measure(logits[cut], Batch(torch.zeros_like(labels), labels))

    whole = {name: float(value) for name, value in measured(slice(0, 11)).items()}
    first, second = measured(slice(0, 3)), measured(slice(3, 11))
    sums = {name: float(first[name] + second[name]) for name in first}
    assert abs(sums["nats"] - whole["nats"]) < 1e-4
    probabilities = logits.softmax(-1)[torch.arange(11), targets]
    metrics = task.metrics(sums)
    assert abs(metrics["loss"] - float(-probabilities.log().mean())) < 1e-5
    assert metrics["accuracy"] == float((logits.argmax(-1) == targets).double().mean())


def test_reached_knows_the_direction() -> None:
    assert Metric("accuracy", higher_is_better=True).reached(0.9, 0.9)
    assert not Metric("accuracy", higher_is_better=True).reached(0.89, 0.9)
    assert Metric("bits_per_byte", higher_is_better=False).reached(1.9, 2.0)
    assert not Metric("bits_per_byte", higher_is_better=False).reached(2.1, 2.0)


def test_losses_are_better_low_and_all_else_high() -> None:
    task = Parity.Spec().build()
    assert all(task.higher_is_better(name) for name in ("accuracy", "accuracy@64", "ndcg@10"))
    for name in ("loss", "bits_per_byte", "bits_per_character", "perplexity"):
        assert not task.higher_is_better(name)


def test_better_is_strict() -> None:
    for up in (True, False):
        metric = Metric("m", higher_is_better=up)
        assert metric.better(2.0, 1.0) is up
        assert metric.better(1.0, 2.0) is not up
        assert not metric.better(1.0, 1.0)
