"""Finite groups as multiplication tables: S_n, A_n, Z_n and their direct products.

Elements are numbers, 0 the identity. Those of S_n and A_n are permutations in lexicographic order,
(a b)(i) = a(b(i)); those of Z_n are residues; those of a product count like digits, the last factor
running fastest.
"""

from __future__ import annotations

import math
import re
from itertools import permutations

import torch
from torch import Tensor

__all__ = ["LARGEST_ORDER", "multiplication_table", "order_of"]

LARGEST_ORDER = 1024  # the table has order^2 entries
FACTOR = re.compile(r"([SAZ])([1-9]\d{0,3})")


def order_of(name: str) -> int:
    """Number of elements of a group such as S5, A5, Z60 or A4_x_Z5.

    Raises:
        ValueError: no such group, or one too small or too large to be a task.
    """
    order = math.prod(_order(kind, degree) for kind, degree in _factors(name))
    if not 2 <= order <= LARGEST_ORDER:
        size = f"{order:,}" if order < 10**12 else "far more"
        raise ValueError(
            f"group '{name}' has {size} elements; take one of 2 to {LARGEST_ORDER:,}, such as S5 "
            "(120), A5 (60), Z60 or A4_x_Z5"
        )
    return order


def multiplication_table(name: str) -> Tensor:
    """(n, n) int64: entry [a, b] is the product a b.

    Raises:
        ValueError: see `order_of`.
    """
    order_of(name)
    table = torch.zeros(1, 1, dtype=torch.int64)
    for kind, degree in _factors(name):
        factor = _table(kind, degree)
        before, size = len(table), len(factor)
        both = table[:, None, :, None] * size + factor[None, :, None, :]
        table = both.reshape(before * size, before * size)
    return table


def _factors(name: str) -> list[tuple[str, int]]:
    matches = [FACTOR.fullmatch(word) for word in name.split("_x_")]
    if not all(matches):
        raise ValueError(
            f"'{name}' is not a known group; write S5, A5 or Z60 (symmetric, alternating, "
            "cyclic), or a product of them such as A4_x_Z5"
        )
    return [(match[1], int(match[2])) for match in matches if match]


def _order(kind: str, degree: int) -> int:
    if kind == "Z":
        return degree
    order = math.factorial(min(degree, 20))  # all above is too large anyway
    return max(1, order // 2) if kind == "A" else order


def _table(kind: str, degree: int) -> Tensor:
    if kind == "Z":
        residues = torch.arange(degree)
        return (residues[:, None] + residues) % degree
    elements = torch.tensor(list(permutations(range(degree))))
    if kind == "A":
        elements = elements[_is_even(elements)]
    products = elements[:, elements]  # [a, b, i] = a(b(i))
    digits = degree ** torch.arange(degree - 1, -1, -1)
    return torch.searchsorted((elements * digits).sum(-1), (products * digits).sum(-1))


def _is_even(elements: Tensor) -> Tensor:
    """(m, n) permutations -> (m,) bool, by the number of pairs in wrong order."""
    before, after = torch.triu_indices(elements.shape[1], elements.shape[1], offset=1)
    return (elements[:, before] > elements[:, after]).sum(1) % 2 == 0
