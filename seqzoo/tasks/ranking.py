"""Full-ranking metrics: every item is ranked, without sampling."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["discounted_gains", "hits", "ranks_and_wins"]


def ranks_and_wins(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Where the target stands among all candidates.

    Args:
        scores: (N, C), any float dtype.
        targets: (N,) int64, 0 ... C-1.

    Returns:
        ranks (N,) int64 from 1. Ties count against the target, so a model that scores all
        candidates alike gains nothing; NaN never beats another score.
        wins (N,) float32, the number of candidates with a lower score plus half the ties; divided
        by C - 1 it is the area under the ROC curve.
    """
    own = scores.gather(1, targets.unsqueeze(1))
    below = (scores < own).sum(1)
    same = (scores == own).sum(1) - (~own.isnan()).squeeze(1).long()
    return scores.shape[1] - below, below.float() + 0.5 * same.float()


def hits(ranks: Tensor, cutoff: int) -> Tensor:
    """How many ranks are within the cutoff: scalar."""
    return (ranks <= cutoff).sum()


def discounted_gains(ranks: Tensor, cutoff: int) -> Tensor:
    """Sum of 1 / log2(rank + 1) over ranks within the cutoff; one right item a list: scalar."""
    gains = 1 / torch.log2(ranks.float() + 1)
    return (gains * (ranks <= cutoff)).sum()
