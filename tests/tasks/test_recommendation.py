import os
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from seqzoo.errors import SpecError
from seqzoo.tasks import IGNORED
from seqzoo.tasks.recommendation import Recommendation


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Users 0 ... 29 with 3 ... 12 events of items 1 ... 20, and a user with one event."""
    random = np.random.default_rng(0)
    rows = [f"{user} {random.integers(1, 21)}" for user in range(30) for _ in range(3 + user % 10)]
    path = tmp_path / "events.txt"
    path.write_text("\n".join([*rows, "99 1"]) + "\n")
    return path


def histories_of(file: Path) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for line in file.read_text().splitlines():
        user, item = map(int, line.split())
        found.setdefault(user, []).append(item)
    return [history for history in found.values() if len(history) >= 3]


def task_on(file: Path, **settings: object) -> Recommendation:
    settings = {"min_user_events": 3, "min_item_events": 1, "length": 6, **settings}
    return Recommendation.Spec(path=str(file), **settings).build()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("held_out", "back"), [("test", 1), ("validation", 2)])
def test_the_event_held_out_is_asked_after_all_before_it(
    file: Path, held_out: str, back: int
) -> None:
    task = task_on(file, held_out=held_out)
    rows = []
    for batch in task.test_batches(7):
        assert batch.tokens.shape[1] == 6
        rows += zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True)
    assert len(rows) == 30
    for (tokens, labels), history in zip(rows, histories_of(file), strict=True):
        before = history[:-back][-6:]
        assert tokens == before + [0] * (6 - len(before))
        wanted = [IGNORED] * 6
        wanted[len(before) - 1] = history[-back]
        assert labels == wanted


def test_training_never_sees_what_is_held_out(file: Path) -> None:
    task = task_on(file)
    windows = set()
    for history in histories_of(file):
        trained = history[:-2]
        for start in range(max(1, len(trained) - 6)):
            window = trained[start : start + 7]
            if len(window) > 1:
                windows.add(tuple(window))
    seen = set()
    batch = task.train_batch(4000, seed=0, step=0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        asked = [label for label in labels if label != IGNORED]
        assert labels == asked + [IGNORED] * (6 - len(asked))
        assert tokens[len(asked) :] == [0] * (6 - len(asked))
        assert tokens[1 : len(asked)] == asked[:-1]
        seen.add((tokens[0], *asked))
    assert seen == windows
    assert batch.negatives is None
    again = task_on(file).train_batch(4000, seed=0, step=0)
    assert torch.equal(batch.tokens, again.tokens)


def test_full_ranking_metrics_against_plain_numpy(file: Path) -> None:
    task = task_on(file, cutoffs=(3, 10))
    assert task.vocab_size == 21
    scores = np.random.default_rng(1).normal(size=(30, 21))
    sums: dict[str, float] = {}
    for start, batch in zip(range(0, 30, 7), task.test_batches(7), strict=True):
        logits = torch.tensor(scores[start : start + 7])
        for name, value in task.measure(logits, batch).items():
            sums[name] = sums.get(name, 0.0) + float(value)
    metrics = task.metrics(sums)
    expected: dict[str, list[float]] = {name: [] for name in metrics}
    for row, history in zip(scores, histories_of(file), strict=True):
        target = history[-1]
        order = np.argsort(-row[1:]) + 1  # items from the best to the worst; 0 is no item
        rank = int(np.where(order == target)[0][0]) + 1
        expected["loss"].append(np.log(np.exp(row).sum()) - row[target])
        expected["auc"].append((20 - rank) / 19)
        for cutoff in (3, 10):
            expected[f"hr@{cutoff}"].append(rank <= cutoff)
            expected[f"ndcg@{cutoff}"].append((rank <= cutoff) / np.log2(rank + 1))
    assert set(metrics) == {"loss", "auc", "hr@3", "hr@10", "ndcg@3", "ndcg@10"}
    for name, values in expected.items():
        assert metrics[name] == pytest.approx(np.mean(values), rel=1e-5), name


def test_chance_is_that_of_a_random_order(file: Path) -> None:
    task = task_on(file, cutoffs=(5,))
    gains = [1 / np.log2(rank + 1) if rank <= 5 else 0 for rank in range(1, 21)]
    assert task.metric.name == "ndcg@5"
    assert task.metric.chance == pytest.approx(np.mean(gains))
    assert task.higher_is_better("hr@5")
    assert not task.higher_is_better("loss")


def test_what_was_dropped_is_said(file: Path) -> None:
    assert task_on(file).notes() == (
        "30 users, 20 items, 225 events",
        "dropped 1 user with fewer than 3 events, 0 items with fewer than 1, 1 event in all",
    )
    file.write_text("1 4 9\n1 5 8\n1 6 10\n1 4 11\n")
    assert task_on(file).notes() == (
        "1 user, 3 items, 4 events",
        "put into order of time: 1 event came too late",
    )


def test_more_negatives_than_items_are_refused(file: Path) -> None:
    with pytest.raises(SpecError, match=r"1,000 negatives stand for all items, and .* 20 items"):
        task_on(file, negatives=1000)


def test_negatives_are_items_and_stand_for_all(file: Path) -> None:
    batch = task_on(file, negatives=8).train_batch(5, 0, 3)
    assert batch.negatives is not None
    assert batch.negatives.tokens.shape == (8,)
    assert 1 <= int(batch.negatives.tokens.min()) <= int(batch.negatives.tokens.max()) <= 20
    assert batch.negatives.stands_for == 2.5


def test_files_with_too_little_are_refused(file: Path) -> None:
    file.write_text("0 1\n0 2\n0 3\n1 1\n1 2\n1 3\n")
    with pytest.raises(SpecError, match="nothing to learn from: 4 events of one user and 2 items"):
        task_on(file)
    file.write_text("0 1\n0 1\n0 1\n0 1\n")
    with pytest.raises(SpecError, match="nothing to learn from"):
        task_on(file)
    file.write_text("".join(f"{user} {user % 2}\n" for user in range(9)))  # one event each
    with pytest.raises(SpecError, match="none of its 9 events is left when users have 3 events"):
        task_on(file)
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        Recommendation.Spec(path=str(file), min_user_events=2)
    for cutoffs in ((), (10, 10)):
        with pytest.raises(ValidationError, match="none of them twice"):
            Recommendation.Spec(path=str(file), cutoffs=cutoffs)


def test_real_files() -> None:
    folder = os.environ.get("SEQZOO_INTERACTIONS")
    if not folder:
        pytest.skip("SEQZOO_INTERACTIONS names no folder with wikipedia.txt")
    task: Recommendation = Recommendation.Spec(path=f"{folder}/wikipedia.txt").build()
    assert task.notes()[0] == "2,846 users, 1,000 items, 148,218 events"
    assert sum(len(batch.tokens) for batch in task.test_batches(500)) == 2846
    assert task.train_batch(64, 0, 0).tokens.shape == (64, 50)
