"""Names on a narrow terminal: they fold between their parts, where rich would cut inside a word.

`prism-no-anchor` has three parts; in reports and listings names stand in columns that give way.
"""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.containers import Lines
from rich.text import Text

from seqzoo.escape import visible

__all__ = ["Name", "folded", "longest_part", "width_of"]

_PARTS = re.compile(r"(?<=[-_/ ])(?=[^\W\d_])")
"""After a sign and before a letter: neither 1e-3 nor a minus is cut."""


class Name(Text):
    """A text, printed verbatim, that rich folds between its parts."""

    def __init__(self, text: str, style: str = "") -> None:
        super().__init__(visible(text), style)

    def wrap(self, console: Console, width: int, **options: Any) -> Lines:
        """Cut it into lines of at most `width`; a part that is longer is left to rich."""
        lines = (Text(line, self.style) for line in folded(self.plain, width))
        return Text("\n").join(lines).wrap(console, width, **options)


def folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters, cut between its parts; a longer part stays."""
    lines = [""]
    for part in _PARTS.split(text):
        if lines[-1] and width_of(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines] if len(lines) > 1 else [text]


def longest_part(text: str) -> int:
    """The least width to which a text folds."""
    return max(width_of(part.rstrip()) for part in _PARTS.split(text))


def width_of(text: str) -> int:
    """The places that a text takes on a terminal; letters of some scripts take two."""
    return cell_len(visible(text))
