"""Labels of ticks: plain counts such as 500, 7.75k and 2M."""

from __future__ import annotations

from matplotlib.ticker import LogFormatter

__all__ = ["LogCounts", "count_label"]


def count_label(value: float) -> str:
    """The shortest exact label of a count.

    >>> count_label(500), count_label(7750), count_label(2e6)
    ('500', '7.75k', '2M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


class LogCounts(LogFormatter):
    """Counts on a logarithmic axis, on those ticks that matplotlib would label."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The tick's label, or nothing."""
        return count_label(x) if super().__call__(x, pos) else ""
