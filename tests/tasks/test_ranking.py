import math

import numpy as np
import pytest
import torch

from seqzoo.tasks.ranking import discounted_gains, hits, ranks_and_wins


def test_against_a_plain_computation() -> None:
    random = np.random.default_rng(0)
    scores = random.integers(0, 40, (60, 50)) / 8.0  # many ties
    targets = random.integers(0, 50, 60)
    ranks, wins = ranks_and_wins(torch.tensor(scores), torch.tensor(targets))
    for row, target, rank, win in zip(scores, targets, ranks.tolist(), wins.tolist(), strict=True):
        others = np.delete(row, target)
        assert rank == 1 + int((others >= row[target]).sum())
        assert win == (others < row[target]).sum() + 0.5 * (others == row[target]).sum()
    for cutoff in (1, 5, 50):
        within = [rank for rank in ranks.tolist() if rank <= cutoff]
        assert int(hits(ranks, cutoff)) == len(within)
        gains = sum(1 / math.log2(rank + 1) for rank in within)
        assert float(discounted_gains(ranks, cutoff)) == pytest.approx(gains, rel=1e-5)


def test_a_model_that_scores_all_alike_gains_nothing() -> None:
    ranks, wins = ranks_and_wins(torch.zeros(1, 11), torch.tensor([4]))
    assert ranks.tolist() == [11]
    assert wins.tolist() == [5.0]


def test_what_is_no_number_never_wins() -> None:
    scores = torch.tensor([[math.nan, 1.0, 2.0], [0.0, math.nan, -1.0], [math.nan] * 3])
    ranks, wins = ranks_and_wins(scores, torch.tensor([0, 0, 1]))
    assert ranks.tolist() == [3, 2, 3]
    assert wins.tolist() == [0.0, 1.0, 0.0]
