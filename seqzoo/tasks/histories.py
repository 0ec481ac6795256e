"""Users' histories that are dense enough to learn from, concatenated in one long tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqzoo.errors import SpecError
from seqzoo.tasks.interactions import Events

__all__ = ["Histories", "dense_histories"]


@dataclass(frozen=True)
class Histories:
    """What every user chose, in order of time.

    Attributes:
        items: (n,) int32, items 1 ... num_items in order of their ids in the file.
        starts: (U + 1,) int64; user u's history is items[starts[u]:starts[u + 1]].
        num_items: how many different items are left.
        dropped: how many users, items and events were dropped, in this order.
    """

    items: Tensor
    starts: Tensor
    num_items: int
    dropped: tuple[int, int, int]

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.starts) - 1

    def window(self, begin: Tensor, end: Tensor, length: int) -> Tensor:
        """Events begin ... end-1 of `items`, one row each, and 0 after them.

        Args:
            begin: (B,) int64.
            end: (B,) int64, at most `length` after `begin`.
            length: T.

        Returns:
            (B, T) int64.
        """
        where = begin.unsqueeze(1) + torch.arange(length)
        inside = where < end.unsqueeze(1)
        return self.items[where.clamp(max=len(self.items) - 1)].long() * inside


def dense_histories(
    events: Events, min_user_events: int, min_item_events: int, name: str
) -> Histories:
    """Drop users and items with too few events, repeatedly until all that remain have enough.

    Args:
        events: all of a file.
        min_user_events: the fewest events of a user.
        min_item_events: the fewest events of an item.
        name: the file's name in errors.

    Raises:
        SpecError: nothing is left.
    """
    users = np.unique(events.users, return_inverse=True)[1]
    items = np.unique(events.items, return_inverse=True)[1]
    before = (int(users.max()) + 1, int(items.max()) + 1, len(users))
    while True:
        enough = (np.bincount(users)[users] >= min_user_events) & (
            np.bincount(items)[items] >= min_item_events
        )
        if enough.all():
            break
        users, items = users[enough], items[enough]
        if len(users) == 0:
            raise SpecError(
                f"{name}: none of its {before[2]:,} events is left when users have "
                f"{min_user_events} events or more and items {min_item_events} or more; lower "
                "min_user_events or min_item_events, or use a larger file"
            )
    _, users = np.unique(users, return_inverse=True)
    left, items = np.unique(items, return_inverse=True)
    counts = np.bincount(users)
    after = (len(counts), len(left), len(users))
    return Histories(
        items=torch.from_numpy((items + 1).astype(np.int32)),
        starts=torch.from_numpy(np.concatenate(([0], counts.cumsum()))),
        num_items=len(left),
        dropped=(before[0] - after[0], before[1] - after[1], before[2] - after[2]),
    )
