"""The default number of heads of a mixer."""

from __future__ import annotations

__all__ = [
    "HEAD_SIZE",
    "default_heads",
    "expanded_misfit",
    "expanded_size",
    "groups_misfit",
    "heads_misfit",
]

HEAD_SIZE = 64


def default_heads(width: int, size: int = HEAD_SIZE) -> int:
    """About one head per `size` features, at least one: the most that divide the width evenly."""
    most = max(1, width // size)
    return next(heads for heads in range(most, 0, -1) if width % heads == 0)


def heads_misfit(width: int, heads: int | None, name: str, family: str = "mixer") -> str:
    """Why a mixer, or a part of it, cannot have these heads at this width; "" if it can."""
    if heads is None or width % heads == 0:
        return ""
    return (
        f"{family} '{name}': {heads} heads do not divide the width {width}; choose heads that "
        "do, or leave heads out"
    )


def groups_misfit(heads: int, key_heads: int | None, mixer: str) -> str:
    """Why heads cannot share this number of key heads; "" if they can."""
    if key_heads is None or heads % key_heads == 0:
        return ""
    return (
        f"mixer '{mixer}': {heads} heads are not a multiple of {key_heads} key heads; "
        "each key head serves the same number of heads"
    )


def expanded_misfit(width: int, heads: int, expand: float, name: str, what: str) -> str:
    """Why `expand_keys` or `expand_values` does not fit a mixer's heads; "" if it does."""
    if expanded_size(width, heads, expand):
        return ""
    return (
        f"mixer '{name}': expand_{what}s {expand:g} of the width {width} is no whole number of "
        f"features for each of {heads} heads"
    )


def expanded_size(width: int, heads: int, expand: float) -> int:
    """Features of a head where all heads together have `expand` times the width; 0 if uneven."""
    size = expand * width / heads
    return int(size) if size == int(size) else 0
