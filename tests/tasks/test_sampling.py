import torch

from seqzoo.tasks.sampling import distinct, distinct_by_weight


def test_distinct_is_uniform_over_ordered_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = distinct(24_000, 2, 4, generator)
    assert (rows[:, 0] != rows[:, 1]).all()
    counts = torch.bincount(rows[:, 0] * 4 + rows[:, 1], minlength=16).view(4, 4)
    assert counts.diagonal().sum() == 0
    # 12 equally likely outcomes of 2,000 each; 5 standard deviations are 214.
    assert (counts[~torch.eye(4, dtype=torch.bool)] - 2000).abs().max() < 214


def test_distinct_can_take_every_number() -> None:
    rows = distinct(50, 6, 6, torch.Generator().manual_seed(0))
    assert (rows.sort(1).values == torch.arange(6)).all()


def test_distinct_by_weight_draws_one_after_another() -> None:
    weights = torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64)
    rows = distinct_by_weight(60_000, 2, weights, torch.Generator().manual_seed(0))
    shares = torch.bincount(rows[:, 0] * 3 + rows[:, 1], minlength=9).view(3, 3) / len(rows)
    for first in range(3):
        for second in range(3):
            left = 1 - weights[first]
            wanted = 0.0 if first == second else float(weights[first] * weights[second] / left)
            assert abs(float(shares[first, second]) - wanted) < 0.01  # 5 standard deviations
