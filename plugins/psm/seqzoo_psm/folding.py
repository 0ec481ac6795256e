"""All tokens of a chunk combined, where brackets do not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

__all__ = ["fold_tokens"]


def fold_tokens(combine: Callable[[Any, Any], Any], tokens: Any) -> Any:
    """A tree of (B', n, ...) -> (B', ...), by an associative combine(older, newer), n at least 1.

    Neighbours are combined in parallel: about log2(n) calls on trees of (B', m, ...).
    """
    while (num := pytree.tree_leaves(tokens)[0].shape[1]) > 1:
        even = num // 2 * 2
        older = pytree.tree_map(lambda x, n=even: x[:, 0:n:2], tokens)
        newer = pytree.tree_map(lambda x, n=even: x[:, 1:n:2], tokens)
        pairs, rest = combine(older, newer), pytree.tree_map(lambda x, n=even: x[:, n:], tokens)
        tokens = pytree.tree_map(lambda x, y: torch.cat((x, y), 1), pairs, rest)
    return pytree.tree_map(lambda x: x[:, 0], tokens)
