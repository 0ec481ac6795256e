"""A task that breaks its contract is named, with the place, before anything is trained."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo.registry import load_registry
from seqzoo.tasks import IGNORED, Batch, Metric, Task
from seqzoo.tasks.contract import check_task


class Plain(Task):
    """Fit in every way."""

    name = "plain"
    vocab_size: Any = 5
    length: Any = 4
    metric: Any = Metric("accuracy", higher_is_better=True)
    batch = Batch(torch.zeros(2, 4, dtype=torch.long), torch.full((2, 4), IGNORED))

    def __init__(self) -> None:
        pass

    def train_batch(self, size: int, seed: int, step: int) -> Batch:
        return self.batch.rows(0, size)

    def test_batches(self, size: int) -> Iterator[Batch]:
        labels = torch.zeros(1, 4, dtype=torch.long)
        yield Batch(torch.zeros(1, 4, dtype=torch.long), labels)


def with_value(name: str, row: int, position: int, value: int) -> Callable[[Plain], None]:
    def change(task: Plain) -> None:
        tensor = getattr(task.batch, name).clone()
        tensor[row, position] = value
        task.batch = replace(task.batch, **{name: tensor})

    return change


def with_attribute(name: str, value: object) -> Callable[[Plain], None]:
    return lambda task: setattr(task, name, value)


def test_a_fit_task_passes() -> None:
    assert check_task(Plain(), 2, 0) is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            with_value("labels", 1, 2, 5),
            r"a label of train_batch\(2, 0, 0\) is 5 \(row 1, position",
        ),
        (
            with_value("labels", 1, 2, -1),
            r"a label .* is -1 .*, and must be 0 \.\.\. 4, since its vocab_size",
        ),
        (
            with_value("tokens", 0, 3, 9),
            r"a token of train_batch\(2, 0, 0\) is 9 \(row 0, position 3",
        ),
        (with_value("tokens", 0, 3, IGNORED), "a token of .* is -100"),
        (with_attribute("vocab_size", None), "vocab_size is not set, expected a whole number"),
        (with_attribute("vocab_size", 5.0), "vocab_size is 5.0, expected a whole number"),
        (with_attribute("vocab_size", 0), "vocab_size is 0"),
        (with_attribute("length", True), "length is True"),
        (
            with_attribute("metric", "accuracy"),
            "metric is 'accuracy', expected a seqzoo.tasks.Metric",
        ),
        (
            with_attribute("metric", Metric("acuracy", higher_is_better=True)),
            "its metric is 'acuracy', which `metrics` does not give; it gives loss, accuracy",
        ),
        (
            lambda task: setattr(
                task, "batch", replace(task.batch, labels=task.batch.labels[:, 1:])
            ),
            r"tokens and labels of .* have shapes \(2, 4\) and \(2, 3\)",
        ),
        (
            lambda task: setattr(
                task, "batch", replace(task.batch, tokens=task.batch.tokens.int())
            ),
            r"tokens of train_batch\(2, 0, 0\) is \(2, 4\) int32, expected \(B, T\) int64",
        ),
        (
            lambda task: setattr(task, "batch", task.batch.rows(0, 1)),
            "train_batch gives 1 sequences, and 2 are asked",
        ),
        (with_attribute("test_batches", lambda size: iter(())), "test_batches gives no batch"),
        (
            with_attribute("test_batches", lambda size: None),
            "test_batches gives None, expected batches",
        ),
        (
            with_attribute("train_batch", lambda *asked: (1, 2)),
            r"train_batch\(2, 0, 0\) gives a tuple, expected a seqzoo.tasks.Batch",
        ),
        (with_attribute("length", 3), "train_batch gives 4 tokens, and its length is 3"),
        (
            with_attribute("measure", lambda *asked: {"count": 3}),
            "measure gives 'count' as 3, expected scalar tensors by name",
        ),
        (
            with_attribute("measure", lambda *asked: {}),
            "metrics fails on what measure gives, nothing: KeyError: 'nats'",
        ),
        (with_attribute("measure", lambda *asked: None), "measure gives None"),
        (
            with_attribute("metrics", lambda sums: {"accuracy": None}),
            "metrics gives 'accuracy' as None, expected floats by name",
        ),
    ],
)
def test_what_is_wrong_is_named_with_the_part_and_the_place(
    change: Callable[[Plain], None], says: str
) -> None:
    task = Plain()
    change(task)
    with pytest.raises(SpecError, match=rf"^task 'plain' \(.*test_contract.Plain\): {says}"):
        check_task(task, 2, 0)


def test_labels_of_the_test_set_count_too() -> None:
    class Longer(Plain):
        def test_batches(self, size: int) -> Iterator[Batch]:
            for batch in super().test_batches(size):
                yield replace(batch, labels=batch.labels + 7)

    with pytest.raises(SpecError, match=r"a label of test_batches\(1\) is 7 \(row 0, position 0\)"):
        check_task(Longer(), 2, 0)


def test_every_built_in_task_is_fit() -> None:
    registry = load_registry(entry_points=[])
    for name in registry.names("task"):
        if name not in ("text", "recommendation"):
            check_task(registry.spec("task", name).build(), 3, 0)


def test_metrics_may_need_whole_rows() -> None:
    class Rows(Plain):
        def metrics(self, sums: Mapping[str, float]) -> dict[str, float]:
            return {"accuracy": sums["correct"] / sums["count"]}

    assert check_task(Rows(), 1, 0).tokens.shape == (1, 4)
