"""Trees of tensors, all with the same leading axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = [
    "Tree",
    "at",
    "check_form",
    "concatenate",
    "expand_identity",
    "leading_axes",
    "map_tree",
]

Tree = Any
"""A tensor, or nested lists, tuples and dicts of tensors that share their leading axes."""


def expand_identity(identity: Tree, like: Tree, batch: int, lead: int = 2) -> Tree:
    """(...) or (B, ...) -> (B, ...), where `like` is a tree with `lead` axes before (...)."""

    def expand(start: Tensor, leaf: Tensor) -> Tensor:
        return start.expand(batch, *leaf.shape[lead:])

    try:
        return pytree.tree_map(expand, identity, like)
    except (RuntimeError, ValueError) as failure:
        raise ValueError(
            f"the identity is {form_of(identity)}, which is no leaf of {form_of(like)} without its "
            f"axis of leaves, nor without the batch's"
        ) from failure


def check_form(given: Any, like: Tree, what: str, batch: int | None = None) -> None:
    """Check a tree against the form of another. Nothing is checked in a graph.

    Args:
        given: anything.
        like: a tree of (B, ...); only shapes are read.
        what: the message begins with it: "aggregate(older, newer) gave".
        batch: rows that `given` must have; None is B.

    Raises:
        ValueError: `given` is no tree of tensors like `like`, or has other shapes.
    """
    if torch.compiler.is_compiling():
        return
    leaves, structure = pytree.tree_flatten(given)
    wanted, wanted_structure = pytree.tree_flatten(like)
    if structure == wanted_structure and all(
        isinstance(x, Tensor) and x.shape == _with_rows(y, batch)
        for x, y in zip(leaves, wanted, strict=True)
    ):
        return
    wanted_form = form_of(map_tree(lambda x: x.new_empty(_with_rows(x, batch)), like))
    raise ValueError(f"{what} {form_of(given)}, expected {wanted_form}")


def _with_rows(like: Tensor, batch: int | None) -> tuple[int, ...]:
    return tuple(like.shape) if batch is None else (batch, *like.shape[1:])


def form_of(tree: Any) -> str:
    """The shapes of a tree's tensors, and the types of what is no tensor, in its structure."""
    if isinstance(tree, Tensor):
        return str(tuple(tree.shape))
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {form_of(value)}" for key, value in tree.items()) + "}"
    names = getattr(tree, "_fields", None)
    if isinstance(tree, tuple) and names:
        fields = zip(names, tree, strict=True)
        return f"{type(tree).__name__}({', '.join(f'{k}={form_of(v)}' for k, v in fields)})"
    if isinstance(tree, (tuple, list)):
        return f"{type(tree).__name__}({', '.join(map(form_of, tree))})"
    return repr(tree) if tree is None else f"a {type(tree).__name__}"


def leading_axes(leaves: Tree) -> tuple[int, int]:
    """(B, n), the axes that the leaves share.

    Raises:
        ValueError: they do not share them.
    """
    tensors = pytree.tree_leaves(leaves)
    shapes = {tuple(x.shape[:2]) if isinstance(x, Tensor) else () for x in tensors}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2:
        raise ValueError(
            "prefix_scan: leaves must be tensors that share their axes (B, n), got "
            f"{form_of(leaves)}"
        )
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
