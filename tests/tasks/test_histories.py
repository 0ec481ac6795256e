from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo.tasks.histories import dense_histories
from seqzoo.tasks.interactions import Events


def events_of(rows: list[tuple[int, int]]) -> Events:
    rows = sorted(rows, key=lambda row: row[0])
    users, items = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Events(users, items, 0, "")


def test_filtering_goes_on_until_all_have_enough() -> None:
    random = np.random.default_rng(0)
    rows = [(int(u), int(i)) for u, i in random.zipf(1.5, (900, 2)) % 97]
    kept = list(rows)
    while True:  # the plain way, one pass after the other
        users, items = Counter(u for u, _ in kept), Counter(i for _, i in kept)
        left = [(u, i) for u, i in kept if users[u] >= 6 and items[i] >= 7]
        if len(left) == len(kept):
            break
        kept = left
    assert 50 < len(kept) < len(rows)
    histories = dense_histories(events_of(rows), 6, 7, "it")
    names = sorted({i for _, i in kept})
    expected = [
        [names.index(i) + 1 for v, i in kept if v == u] for u in sorted({u for u, _ in kept})
    ]
    starts = histories.starts.tolist()
    found = [histories.items[begin:end].tolist() for begin, end in pairwise(starts)]
    assert found == expected
    assert histories.num_items == len(names)
    assert histories.num_users == len(expected)
    assert histories.dropped == (
        len({u for u, _ in rows}) - len(expected),
        len({i for _, i in rows}) - len(names),
        len(rows) - len(kept),
    )


def test_nothing_left_says_what_to_lower() -> None:
    with pytest.raises(SpecError, match=r"it: none of its 2 events is left .* lower min_user"):
        dense_histories(events_of([(0, 1), (1, 1)]), 2, 1, "it")


def test_windows_are_filled_up_with_zeros() -> None:
    histories = dense_histories(events_of([(0, i) for i in (5, 6, 7, 8)]), 1, 1, "it")
    begin, end = torch.tensor([0, 2, 3]), torch.tensor([3, 4, 4])
    assert histories.window(begin, end, 3).tolist() == [[1, 2, 3], [3, 4, 0], [4, 0, 0]]
