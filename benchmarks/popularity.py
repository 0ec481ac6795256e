"""Baselines without a model: two recommenders that count, ranked as in the task `recommendation`.

    python benchmarks/popularity.py wikipedia.txt
    python benchmarks/popularity.py Video.txt --events 10

"Most popular" orders items by their training events; "last item, then most popular" puts the item a
user chose last before all others. docs/recommendation.md sets them beside trained models.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from seqzoo.tasks.histories import dense_histories
from seqzoo.tasks.interactions import read_events
from seqzoo.tasks.recommendation import HELD_OUT, Recommendation


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "path", type=Path, help="an interaction file, `user item [timestamp]` lines"
    )
    parser.add_argument("--events", type=int, default=5, help="the least of a user and of an item")
    given = parser.parse_args()

    spec = Recommendation.Spec(
        path=str(given.path),
        min_user_events=given.events,
        min_item_events=given.events,
        cutoffs=(10, 200),
    )
    task = Recommendation(spec)
    counts = _training_events(given.path, given.events)
    print(f"{given.path}: {task.notes()[0]}")
    for name, first in (("last item, then most popular", True), ("most popular", False)):
        sums: dict[str, float] = {}
        for batch in task.test_batches(512):
            last = (batch.tokens != 0).sum(1, keepdim=True) - 1
            scores = counts.expand(len(last), -1).clone()
            if first:
                scores.scatter_(1, batch.tokens.gather(1, last), float("inf"))
            for key, value in task.measure(scores, batch).items():
                sums[key] = sums.get(key, 0.0) + float(value)
        shown = task.metrics(sums)
        print(name, *(f"{key} {shown[key]:.3f}" for key in ("ndcg@10", "hr@10", "hr@200", "auc")))


def _training_events(path: Path, events: int) -> torch.Tensor:
    """(1 + items,) float32: how often each item occurs before the events held out."""
    histories = dense_histories(read_events(path), events, events, str(path))
    trained = torch.ones(len(histories.items), dtype=torch.bool)
    for back in range(1, HELD_OUT + 1):
        trained[histories.starts[1:] - back] = False
    chosen = histories.items[trained].long()
    return torch.bincount(chosen, minlength=histories.num_items + 1).float()


if __name__ == "__main__":
    main()
