"""Fold long labels into lines, so that they leave room for what a figure shows."""

from __future__ import annotations

import re

from seqzoo.escape import figure_label

__all__ = ["folded", "num_lines"]

MOST_LINES = 6
_WORD = re.compile(r".+?(?:[-_.,=/: ]+|$)")  # with the signs after which a name may be broken


def folded(text: str, width: int) -> str:
    """A label for matplotlib in lines of at most `width` characters, broken after a sign if it can.

    Of a text that takes more than six lines the first and last three are left, with an ellipsis
    between.

    >>> folded("keys.of=shared-and-more", 12)
    'keys.of=\\nshared-and-\\nmore'
    """
    lines = [""]
    for word in _WORD.findall(figure_label(text)):
        rest = word
        if lines[-1] and len(lines[-1] + rest.rstrip()) > width:
            lines.append("")
        while len(lines[-1] + rest.rstrip()) > width:
            lines[-1], rest = rest[:width], rest[width:]
            lines.append("")
        lines[-1] += rest
    lines = [line.rstrip() for line in lines]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], f"\N{HORIZONTAL ELLIPSIS}{lines[-half]}", *lines[1 - half :]]
    return "\n".join(lines)


def num_lines(text: str) -> int:
    """Number of lines of a folded label."""
    return text.count("\n") + 1
