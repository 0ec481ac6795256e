"""The table of a grid, to compare with another's: what its runs came to, not how fast."""

from pathlib import Path
from typing import Any

from seqzoo.report import make_report

OF_THE_MACHINE = ("speed", "shared")


def table(directory: Path) -> list[dict[str, Any]]:
    """The fields of every cell but those that depend on the machine's load."""
    cells = [vars(cell).copy() for cell in make_report(directory).cells]
    for cell in cells:
        for name in OF_THE_MACHINE:
            del cell[name]
    return cells
