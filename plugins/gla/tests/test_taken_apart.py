"""docs/taken_apart.md shows the layers slot by slot: its tables are made from the registry.

`python plugins/gla/tests/test_taken_apart.py` writes them into the page anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import seqzoo
from seqzoo.escape import markdown
from seqzoo.registry.taken_apart import taken_apart

PAGE = Path(__file__).parents[3] / "docs" / "taken_apart.md"
HEADINGS = ("projections", "gates", "forget", "injection", "read")


def tables() -> str:
    """The recurrent presets slot by slot, then the mixers that have no such slots."""
    registry = seqzoo.load_registry()
    rows = taken_apart(registry, "gla")
    lines = [f"| layer | {' | '.join(HEADINGS)} |", f"|{'---|' * (1 + len(HEADINGS))}"]
    for row in rows:
        cells = (markdown(getattr(row, heading)) for heading in HEADINGS)
        lines.append(f"| `{row.name}` | {' | '.join(cells)} |")
    lines += ["", "Mixers with a shape of their own:", "", "| mixer | |", "|---|---|"]
    known = {row.name for row in rows}
    lines += [
        f"| `{entry.name}` | {markdown(entry.doc)} |"
        for entry in registry
        if (entry.family, entry.origin.plugin) == ("mixer", "gla") and entry.name not in known
    ]
    return "\n".join(lines) + "\n"


def with_tables(page: str) -> str:
    """The page with its tables made anew, between its first heading of that name and the next."""
    return re.sub(
        r"(?s)(\n## Slot by slot\n.*?\n\n)\| layer \|.*?(?=\n## )",
        lambda found: found[1] + tables(),
        page,
        count=1,
    )


def test_the_page_is_what_the_registry_says() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "python plugins/gla/tests/test_taken_apart.py writes it anew"
    assert "| `gated_deltanet` |" in page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
