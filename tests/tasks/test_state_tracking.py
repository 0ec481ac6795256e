from itertools import combinations, permutations

import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks.state_tracking import StateTracking


def test_every_label_is_the_product_of_all_elements_so_far() -> None:
    task = StateTracking.Spec(group="S4", length=13).build()
    elements = list(permutations(range(4)))
    batch = task.train_batch(10_000, seed=0, step=0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        product = (0, 1, 2, 3)
        for token, label in zip(tokens, labels, strict=True):
            product = tuple(product[place] for place in elements[token])
            assert elements[label] == product


def test_residues_add_up() -> None:
    batch = StateTracking.Spec(group="Z60", length=50).build().train_batch(10_000, 0, 0)
    assert torch.equal(batch.labels, batch.tokens.cumsum(1) % 60)


def is_even(element: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in combinations(element, 2)) % 2 == 0


def test_even_permutations_and_products_of_groups() -> None:
    """A5, the default, and A4_x_Z5: a number is that of a permutation of A4, and a residue."""
    for group, degree, residues in (("A5", 5, 1), ("A4_x_Z5", 4, 5)):
        elements = [each for each in permutations(range(degree)) if is_even(each)]
        batch = StateTracking.Spec(group=group, length=13).build().train_batch(10_000, 0, 0)
        for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
            product, total = tuple(range(degree)), 0
            for token, label in zip(tokens, labels, strict=True):
                element = elements[token // residues]
                product = tuple(product[place] for place in element)
                total += token % residues
                assert elements[label // residues] == product
                assert label % residues == total % residues


def test_test_sequences_have_the_longest_length() -> None:
    spec = StateTracking.Spec(group="S3", length=8, test_lengths=(32, 16), test_size=5)
    task = spec.build()
    assert task.length == 8
    assert task.train_batch(3, 0, 0).tokens.shape == (3, 8)
    parts = list(task.test_batches(2))
    assert [tuple(part.tokens.shape) for part in parts] == [(2, 32), (2, 32), (1, 32)]
    whole = next(iter(spec.build().test_batches(5)))
    assert torch.equal(torch.cat([part.labels for part in parts]), whole.labels)
    assert torch.equal(task.train_batch(3, 1, 2).tokens, spec.build().train_batch(3, 1, 2).tokens)


def metrics_when_right(right: torch.Tensor, task: StateTracking) -> dict[str, float]:
    """What the task says of answers that are right where `right` (B, T) is true."""
    sums: dict[str, float] = {}
    batches = [*task.test_batches(3)]
    for batch, truth in zip(batches, right.split(3), strict=True):
        answers = torch.where(truth, batch.labels, (batch.labels + 1) % task.vocab_size)
        logits = torch.nn.functional.one_hot(answers.flatten(), task.vocab_size).double()
        for name, value in task.measure(logits, batch).items():
            sums[name] = sums.get(name, 0.0) + float(value)
    return task.metrics(sums)


def test_accuracy_by_length_is_that_of_the_last_positions() -> None:
    spec = StateTracking.Spec(group="Z3", length=4, test_lengths=(8, 16, 32), test_size=20)
    task = spec.build()
    right = torch.rand(20, 32, generator=torch.Generator().manual_seed(0)) < 0.5
    right[:, 3] = right[:, 7] = True
    right[0, 15] = False
    right[1:, 15] = True
    right[:2, 31] = False
    right[2:, 31] = True
    metrics = metrics_when_right(right, task)
    assert metrics["accuracy@4"] == metrics["accuracy@8"] == 1
    assert metrics["accuracy@16"] == 0.95
    assert metrics["accuracy@32"] == 0.9
    assert metrics["longest"] == 16  # 0.9 is not above 0.9
    assert metrics["accuracy"] == pytest.approx(float(right.double().mean()))
    right[:, 7] = False
    assert metrics_when_right(right, task)["longest"] == 4
    right[:, 3] = False
    assert metrics_when_right(right, task)["longest"] == 0


def test_accuracy_over_bands_is_the_mean_over_their_positions() -> None:
    spec = StateTracking.Spec(group="Z3", length=4, test_lengths=(16, 8), test_size=7)
    right = torch.rand(7, 16, generator=torch.Generator().manual_seed(1)) < 0.5
    metrics = metrics_when_right(right, spec.build())
    bands = {name: value for name, value in metrics.items() if "-" in name}
    expected = {"1-4": right[:, :4], "5-8": right[:, 4:8], "9-16": right[:, 8:]}
    assert bands == {
        f"accuracy@{band}": pytest.approx(float(own.double().mean()))
        for band, own in expected.items()
    }
    weights = {"1-4": 4, "5-8": 4, "9-16": 8}
    mean = sum(bands[f"accuracy@{band}"] * weight for band, weight in weights.items()) / 16
    assert metrics["accuracy"] == pytest.approx(mean), "each position is in one band"


def test_runs_are_compared_at_the_training_length() -> None:
    task = StateTracking.Spec(group="A5", length=16, test_lengths=(32,)).build()
    assert task.metric.name == "accuracy@16"
    assert task.metric.chance == 1 / 60
    assert task.vocab_size == 60
    assert all(task.higher_is_better(name) for name in ("accuracy@16", "accuracy@32", "longest"))


def test_a_group_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValidationError) as caught:
        StateTracking.Spec(group="B5")
    (error,) = caught.value.errors()
    assert error["loc"] == ("group",)
    assert "'B5' is not a known group" in error["msg"]


def test_a_curriculum_has_its_lengths_for_its_steps() -> None:
    task = StateTracking.Spec(group="Z5", length=9, curriculum=((3, 2), (6, 1))).build()
    batches = [task.train_batch(4, 0, step) for step in range(5)]
    assert [batch.tokens.shape[1] for batch in batches] == [3, 3, 6, 9, 9]
    for batch in batches:
        assert torch.equal(batch.labels, batch.tokens.cumsum(1) % 5)
    assert task.metric.name == "accuracy@9"


@pytest.mark.parametrize("curriculum", [((3, 5), (2, 5)), ((10, 5),)])
def test_a_curriculum_that_falls_is_refused(curriculum: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValidationError, match="lengths must not fall"):
        StateTracking.Spec(group="Z5", length=9, curriculum=curriculum)
