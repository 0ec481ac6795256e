import itertools
from collections import Counter

import torch

from seqzoo.tasks.placing import place, shuffled, starts_of_blocks


def test_every_arrangement_of_blocks_is_equally_likely() -> None:
    starts = starts_of_blocks(12_000, 2, 2, 6, torch.Generator().manual_seed(0))
    counts = Counter(map(tuple, starts.tolist()))
    arrangements = [(a, b) for a, b in itertools.product(range(5), repeat=2) if b >= a + 2]
    assert set(counts) == set(arrangements)
    # 6 equally likely outcomes of 2,000 each; 5 standard deviations are 204.
    assert all(abs(count - 2000) < 204 for count in counts.values())


def test_blocks_that_fill_the_row() -> None:
    starts = starts_of_blocks(3, 4, 3, 12, torch.Generator().manual_seed(0))
    assert starts.tolist() == [[0, 3, 6, 9]] * 3


def test_place_writes_each_block_at_its_start() -> None:
    tokens = torch.zeros(2, 6, dtype=torch.int64)
    blocks = torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    place(tokens, torch.tensor([[0, 4], [3, 1]]), blocks)
    assert tokens.tolist() == [[1, 2, 0, 0, 3, 4], [0, 7, 8, 5, 6, 0]]


def test_shuffled_keeps_blocks_whole() -> None:
    blocks = torch.arange(12).view(1, 6, 2).expand(2000, 6, 2)
    mixed = shuffled(blocks, torch.Generator().manual_seed(0))
    assert (mixed[:, :, 1] == mixed[:, :, 0] + 1).all()
    assert (mixed[:, :, 0].sort(1).values == torch.arange(0, 12, 2)).all()
    assert 0.12 < float((mixed[:, 0, 0] == 0).float().mean()) < 0.21
