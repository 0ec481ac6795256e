"""The signature of an autograd function's forward, looked up once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["signed"]

Forward = TypeVar("Forward", bound=Callable[..., Any])


def signed(forward: Forward) -> Forward:
    """The same function, with its signature kept on it as PEP 362 has it.

    Where an autograd function has a `setup_context`, torch asks `inspect` for the signature of its
    `forward` at every call. To work it out takes longer than a small matrix product.
    """
    forward.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return forward
