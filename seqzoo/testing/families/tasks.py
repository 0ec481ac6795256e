"""Checks of tasks: labels within the vocabulary, and reproducible batches.

They read only a part of the test set, so that a large one does not take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from seqzoo.tasks import IGNORED, Batch, Task
from seqzoo.tasks.contract import check_task
from seqzoo.testing.part import PartCase

__all__ = ["TASK_CHECKS"]

ROWS = 16  # sequences a batch
STEPS = (0, 1, 7, 1000)
TEST_BATCHES = 32


def fits_its_contract(case: PartCase) -> None:
    """Attributes, shapes, dtypes and metrics fit each other, as before the first step of a run."""
    check_task(case.build(), ROWS, 0)


def ids_lie_in_the_vocabulary(case: PartCase) -> None:
    """Tokens and labels are token ids, in training and test; every batch of training has labels."""
    task = case.build()
    for where, batch in _batches(task):
        for name, ids in (("token", batch.tokens), ("label", batch.labels)):
            known = ids[ids != IGNORED] if name == "label" else ids
            wrong = known[(known < 0) | (known >= task.vocab_size)]
            assert not len(wrong), (
                f"a {name} of {where} is {int(wrong[0])}, outside 0 ... {task.vocab_size - 1}"
            )
        labelled = bool((batch.labels != IGNORED).any())
        assert labelled or where.startswith("test"), f"{where} has no label"


def draws_are_functions_of_seed_and_step(case: PartCase) -> None:
    """The same seed and step give the same bytes, whatever was drawn before, in any process."""
    task, other = case.build(), case.build(seed=5)
    wanted = {step: task.train_batch(ROWS, 3, step) for step in STEPS}
    before = torch.get_rng_state()
    for step in reversed(STEPS):
        found = other.train_batch(ROWS, 3, step)
        assert _equal(found, wanted[step]), (
            f"train_batch({ROWS}, 3, {step}) depends on what was drawn before, or on torch's seed"
        )
    assert torch.equal(before, torch.get_rng_state()), "train_batch draws from torch's global seed"


def seeds_and_steps_differ(case: PartCase) -> None:
    """Two seeds, and two steps of one, give different batches."""
    task = case.build()
    first = task.train_batch(ROWS, 0, 0)
    for seed, step in ((1, 0), (0, 1)):
        other = task.train_batch(ROWS, seed, step)
        same = first.tokens.shape == other.tokens.shape and _equal(first, other)
        assert not same, f"train_batch({ROWS}, {seed}, {step}) is train_batch({ROWS}, 0, 0)"


def the_test_set_is_fixed(case: PartCase) -> None:
    """The same sequences in the same order, however they are cut into batches, before and after
    training.
    """
    task, other = case.build(), case.build(seed=5)
    wanted = _test_rows(task, ROWS)
    other.train_batch(ROWS, 1, 0)
    for size in (ROWS, 1, 5):
        found = _test_rows(other, size)
        least = min(len(wanted), size * TEST_BATCHES)
        assert len(found) >= least, f"test_batches({size}) has {len(found)} rows, not {least}"
        count = min(len(found), len(wanted))
        assert found[:count] == wanted[:count], f"test_batches({size}) is not test_batches({ROWS})"


def training_leaves_the_test_set_out(case: PartCase) -> None:
    """No sequence of the test set, labels included, is drawn in training."""
    task = case.build()
    test = {row for row in _test_rows(task, ROWS) if row[1] is not None}
    for seed in (0, 1):
        for step in STEPS:
            batch = task.train_batch(ROWS, seed, step)
            both = test & set(_rows(batch))
            assert not both, f"train_batch({ROWS}, {seed}, {step}) holds a sequence of the test set"


def right_answers_score_best(case: PartCase) -> None:
    """Logits that give every label score better than logits that give none; chance lies between."""
    task = case.build()
    batch = _first_with_labels(task)
    targets = batch.labelled()[1]
    right = torch.zeros(len(targets), task.vocab_size).scatter(1, targets[:, None], 20.0)
    wrong = right.roll(1, dims=1)
    good, bad = (_metric(task, logits, batch) for logits in (right, wrong))
    assert task.metric.better(good, bad), (
        f"{task.metric.name} is {good:.4g} for right answers and {bad:.4g} for wrong ones"
    )
    chance = task.metric.chance
    assert chance is None or min(good, bad) <= chance < max(good, bad), (
        f"its chance level is {chance:.4g}, beyond {bad:.4g} and {good:.4g}"
    )


def sums_add_up(case: PartCase) -> None:
    """What `measure` gives for two batches adds up to what it gives for both at once."""
    task = case.build()
    batch = _first_with_labels(task)
    rows = batch.tokens.shape[0]
    generator = torch.Generator().manual_seed(0)
    count = len(batch.labelled()[1])
    logits = torch.randn(count, task.vocab_size, generator=generator)
    whole = task.measure(logits, batch)
    first, then = batch.rows(0, rows // 2), batch.rows(rows // 2, rows)
    cut = len(first.labelled()[1])
    parts = (task.measure(logits[:cut], first), task.measure(logits[cut:], then))
    for name, value in whole.items():
        found, wanted = sum(float(part[name]) for part in parts), float(value)
        assert abs(found - wanted) <= 1e-4 * max(1.0, abs(wanted)), (
            f"{name} of two halves adds up to {found:.6g}, and of the whole is {wanted:.6g}"
        )


def vocabulary_is_told_whole(case: PartCase) -> None:
    """Named ranges of tokens cover all ids, and inputs hold no id that is said never to occur."""
    task = case.build()
    kinds = task.vocabulary()
    if not kinds:
        return  # all ids are of one kind
    bounds = [0, *(kind.stop for kind in kinds)]
    found = [kind.first for kind in kinds]
    assert found == bounds[:-1], f"the ranges begin at {found}, and must at {bounds[:-1]}"
    assert bounds[-1] == task.vocab_size, f"the ranges end at {bounds[-1]}, not at its vocab_size"
    for where, batch in _batches(task):
        for kind in kinds:
            inside = (batch.tokens >= kind.first) & (batch.tokens < kind.stop)
            assert kind.in_input or not bool(inside.any()), (
                f"{where} has tokens of '{kind.name}', which it says are never in the input"
            )


TASK_CHECKS = (
    fits_its_contract,
    ids_lie_in_the_vocabulary,
    draws_are_functions_of_seed_and_step,
    seeds_and_steps_differ,
    the_test_set_is_fixed,
    training_leaves_the_test_set_out,
    right_answers_score_best,
    sums_add_up,
    vocabulary_is_told_whole,
)

Row = tuple[bytes, bytes | None]


def _batches(task: Task) -> Iterator[tuple[str, Batch]]:
    for step in STEPS:
        yield f"train_batch({ROWS}, 0, {step})", task.train_batch(ROWS, 0, step)
    for index, batch in enumerate(islice(task.test_batches(ROWS), TEST_BATCHES)):
        yield f"test batch {index} of {ROWS}", batch


def _first_with_labels(task: Task) -> Batch:
    """A test batch of at least two rows, which has labels."""
    for batch in islice(task.test_batches(4), TEST_BATCHES):
        if len(batch.labelled()[1]):
            return batch
    raise AssertionError(f"the first {TEST_BATCHES} test batches have no label")


def _metric(task: Task, logits: Tensor, batch: Batch) -> float:
    sums = {name: float(value) for name, value in task.measure(logits, batch).items()}
    return task.metrics(sums)[task.metric.name]


def _test_rows(task: Task, size: int) -> list[Row]:
    rows = TEST_BATCHES * ROWS
    batches = islice(task.test_batches(size), -(-rows // size))
    return [row for batch in batches for row in _rows(batch)]


def _rows(batch: Batch) -> list[Row]:
    """Each row's tokens and labels as bytes; None for labels where there are none."""
    return [
        (tokens.numpy().tobytes(), labels.numpy().tobytes() if (labels != IGNORED).any() else None)
        for tokens, labels in zip(batch.tokens, batch.labels, strict=True)
    ]


def _equal(one: Batch, other: Batch) -> bool:
    same = torch.equal(one.tokens, other.tokens) and torch.equal(one.labels, other.labels)
    if one.cu_seqlens is None or other.cu_seqlens is None:
        return same and one.cu_seqlens is other.cu_seqlens
    return same and torch.equal(one.cu_seqlens, other.cu_seqlens)
