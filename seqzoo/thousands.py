"""Large counts in few characters, the same in tables of runs, log lines and reports."""

from __future__ import annotations

__all__ = ["thousands"]


def thousands(value: float) -> str:
    """Format a count in at most five characters.

    >>> thousands(950), thousands(12_345), thousands(3_400_000)
    ('950', '12.3k', '3.4M')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.99995:
            scaled = value / size
            return f"{scaled:.1f}{letter}" if scaled < 99.95 else f"{scaled:.0f}{letter}"
    return f"{value:.0f}"
