"""PRISM's language-model mixer, r2 to r5 and gated DeltaNet: bits a character on small texts.

    seqzoo grid examples/prism_lm_small.yaml --out runs/lm --set base.task.path=input.txt
    python benchmarks/prism_lm.py runs/lm --text "Tiny Shakespeare" [--json FILE]

Adds the finished runs of these grids to the file under the text's name, where a run of the same
text, variant, seed and number of steps replaces the one before, and prints the table of
docs/prism.md. Without a grid it prints the table of the file as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from finished_runs import Row, finished_runs, markdown, read_rows, short, write_rows

FILE = Path(__file__).parent / "results" / "prism_lm.json"
MIXERS = {
    "prism-lm": "prism-lm",
    "r2": "prism-lm-r2",
    "r3": "prism-lm-r3",
    "r4": "prism-lm-r4",
    "r5": "prism-lm-r5",
    "gated_deltanet": "gated_deltanet",
    "prism": "prism",
}
"""The mixer of each variant of the grid, in the order of the table."""
COLUMNS = (
    *("text", "variant", "seed", "width", "parameters", "steps"),
    *("bits_per_character", "bits_per_byte", "code", "torch", "device", "date"),
)


def finished(directory: Path, text: str) -> list[Row]:
    """A row for each finished run of a grid on this text."""
    rows = []
    for run, record in finished_runs(directory):
        assert record.spec is not None, f"{directory}: a run's record is without its spec"
        run["text"] = text
        run["width"] = record.spec["model"]["width"]
        for metric in ("bits_per_character", "bits_per_byte"):
            run[metric] = round(record.metrics[metric], 4)
        rows.append({name: run[name] for name in COLUMNS})
    return rows


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """All rows, the newest of each run, in the order of the table."""
    names = list(MIXERS)
    rows = {
        (row["text"], row["steps"], names.index(row["variant"]), row["seed"]): row
        for row in (*old, *new)
    }
    return [rows[key] for key in sorted(rows)]


def table(rows: list[Row]) -> str:
    """Bits a character of each seed, by mixer and text, as Markdown."""
    texts = list(dict.fromkeys((row["text"], row["steps"]) for row in rows))
    head = ["mixer", "width"]
    for text, steps in texts:
        head += [f"{text}, {steps:,} steps", "parameters"]
    lines = [head]
    for variant, mixer in MIXERS.items():
        of_mixer = [row for row in rows if row["variant"] == variant]
        if not of_mixer:
            continue
        line = [f"`{mixer}`", listed(of_mixer, "width")]
        for text, steps in texts:
            found = [row for row in of_mixer if (row["text"], row["steps"]) == (text, steps)]
            bits = "; ".join(short(row["bits_per_character"], 3) for row in found)
            line += [bits or "not run", listed(found, "parameters")]
        lines.append(line)
    return markdown(lines)


def listed(rows: list[Row], name: str) -> str:
    """The values that occur in a column, each once."""
    return "; ".join(f"{value:,}" for value in dict.fromkeys(row[name] for row in rows))


def main(arguments: list[str] | None = None) -> None:
    """Merge, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "grids", nargs="*", type=Path, help="directories of the grid or parts of it"
    )
    parser.add_argument("--text", help="the name of the text that these grids read")
    parser.add_argument("--json", type=Path, default=FILE, help="where the rows are kept")
    given = parser.parse_args(arguments)
    if given.grids and not given.text:
        parser.error("grids need --text, the name of the text that they read")
    rows = read_rows(given.json)
    if given.grids:
        rows = merged(rows, (row for grid in given.grids for row in finished(grid, given.text)))
        write_rows(given.json, "examples/prism_lm_small.yaml", rows)
    print(table(rows))


if __name__ == "__main__":
    main()
