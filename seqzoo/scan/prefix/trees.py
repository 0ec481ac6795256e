"""Trees of tensors, all with the same leading axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = ["Tree", "at", "concatenate", "expand_identity", "leading_axes", "map_tree"]

Tree = Any
"""A tensor, or nested lists, tuples and dicts of tensors that share their leading axes."""


def expand_identity(identity: Tree, like: Tree, batch: int, lead: int = 2) -> Tree:
    """(...) or (B, ...) -> (B, ...), where `like` is a tree with `lead` axes before (...)."""

    def expand(start: Tensor, leaf: Tensor) -> Tensor:
        return start.expand(batch, *leaf.shape[lead:])

    return pytree.tree_map(expand, identity, like)


def leading_axes(leaves: Tree) -> tuple[int, int]:
    """(B, n), the axes that the leaves share.

    Raises:
        ValueError: they do not share them.
    """
    shapes = {tuple(leaf.shape[:2]) for leaf in pytree.tree_leaves(leaves)}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2:
        raise ValueError("prefix_scan: leaves must be tensors that share their axes (B, n)")
    return shape


def map_tree(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """The function of every tensor of a tree."""
    return pytree.tree_map(function, tree)


def at(tree: Tree, index: int) -> Tree:
    """(B, n, ...) -> (B, ...), entry `index` of axis 1."""
    return map_tree(lambda x: x[:, index], tree)


def concatenate(first: Tree, second: Tree | None) -> Tree:
    """(B, n, ...) and (B, m, ...) -> (B, n + m, ...); None is nothing."""
    if second is None:
        return first
    return pytree.tree_map(lambda a, b: torch.cat((a, b), dim=1), first, second)
