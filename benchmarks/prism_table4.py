"""Table 4 of the PRISM paper: published accuracies beside those of finished runs.

    seqzoo grid examples/prism_table4.yaml --out runs/table4
    seqzoo grid examples/prism_table4_tuned.yaml --out runs/table4-tuned
    python benchmarks/prism_table4.py runs/table4 runs/table4-tuned [MORE ...] [--json FILE]

Adds the finished runs of these grids to the file, where a run of the same variant, task, width,
learning rate and seed replaces the one before, and prints the tables of docs/prism.md: two at the
release's rate, and one at the best rate of each mixer and task. The grids take many hours; parts of
them, run apart, add up. Without a grid it prints the tables of the file as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from finished_runs import Row, finished_runs, markdown, read_rows, short, write_rows

from seqzoo_prism.released import RELEASED_TASKS, ReleasedTask

FILE = Path(__file__).parent / "results" / "prism_table4.json"
PRISM = {
    "prism-probing": "`prism-probing`",
    "prism-kernel5": "`prism`, kernel 5",
    "prism-probing-depth2": "`prism-probing-depth2`",
}
BASELINES = {
    "transformer": ("Transformer, published", "`released-attention`"),
    "linear_attention": ("linear attention, published", "`released-linear-attention`"),
    "mom": ("MoM, published", "`released-mom`"),
}
"""Names in `Published`; a variant of the grid has hyphens for its underscores."""
RELEASED_LR = 1e-3
RATES = (RELEASED_LR, 3e-3, 1e-2, 3e-4)
TRIALS = 3
"""The rates of examples/prism_table4_tuned.yaml, and how many of them it tries."""
MARGIN = 0.005
"""No more rates were tried at an accuracy at most this much below the task's best published one."""
COLUMNS = (
    *("variant", "task", "width", "seed", "lr", "accuracy", "steps", "reached_at", "parameters"),
    *("code", "torch", "device", "date"),
)


def finished(directory: Path) -> list[Row]:
    """A row for each finished run of a grid; one that diverged has no accuracy."""
    rows = []
    for run, record in finished_runs(directory):
        run["width"] = run.pop("model.width")
        done = record.status == "done"
        run["accuracy"] = round(record.metrics["accuracy"], 5) if done else None
        run["reached_at"] = record.reached_at
        rows.append({name: run[name] for name in COLUMNS})
    return rows


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """All rows, the newest of each run, in the order of the table."""
    names = [task.name for task in RELEASED_TASKS]
    rows = {
        (row["variant"], names.index(row["task"]), row["width"], row["seed"], row["lr"]): row
        for row in (*old, *new)
    }
    return [rows[key] for key in sorted(rows)]


def tables(rows: list[Row]) -> str:
    """At the release's rate PRISM's variants, then the baselines; then all tuned. As Markdown."""
    prism = [["task", "rule", "published PRISM", *PRISM.values()]]
    others = [["task", *(name for pair in BASELINES.values() for name in pair), "`gated_deltanet`"]]
    mixers = {
        **PRISM,
        **{name.replace("_", "-"): mixer for name, (_, mixer) in BASELINES.items()},
        "gated_deltanet": "`gated_deltanet`",
    }
    tuned = [["task, tuned", *mixers.values()]]
    for task in RELEASED_TASKS:
        cells = [cell(rows, variant, task.name) for variant in PRISM]
        prism.append([f"`{task.name}`", short(task.ceiling), short(task.published.prism), *cells])
        line = [f"`{task.name}`"]
        for name in BASELINES:
            line.append(short(getattr(task.published, name)))
            line.append(cell(rows, name.replace("_", "-"), task.name))
        others.append([*line, cell(rows, "gated_deltanet", task.name)])
        cells = [tuned_cell(rows, variant, task) for variant in mixers]
        tuned.append([f"`{task.name}`", *cells])
    return "\n\n".join(markdown(each) for each in (prism, others, tuned))


def cell(rows: list[Row], variant: str, task: str, lr: float = RELEASED_LR) -> str:
    """One accuracy a seed, with the step of a run that stopped because it had reached .999."""
    found = [row for row in of_cell(rows, variant, task) if row["lr"] == lr]
    texts = []
    for row in sorted(found, key=lambda row: row["seed"]):
        text = "diverged" if row["accuracy"] is None else short(row["accuracy"], 3)
        texts.append(f"{text} at {row['reached_at']:,}" if row["reached_at"] else text)
    return "; ".join(texts) or "not run"


def tuned_cell(rows: list[Row], variant: str, task: type[ReleasedTask]) -> str:
    """The rate with the best accuracy of seed 0, the first among equals, and `cell` at that rate.

    As the grid's sampler does it: the first rate that met the target, if one did. While rates are
    left to try, and the best is not good enough, it says how many were tried; "not tuned" where
    that is one or none.
    """
    found = of_cell(rows, variant, task.name)
    trials = {row["lr"]: row for row in found if row["seed"] == 0}
    tried = [lr for lr in RATES if lr in trials]
    if not tried:
        return "not tuned"
    met = [lr for lr in tried if trials[lr]["reached_at"]]
    accuracy = {lr: trials[lr]["accuracy"] or 0.0 for lr in tried}
    best = met[0] if met else max(tried, key=accuracy.__getitem__)
    enough = bool(met) or accuracy[best] >= max(task.published) - MARGIN
    if not enough and len(tried) < 2:
        return "not tuned"
    note = "" if enough or len(tried) >= TRIALS else f" of {len(tried)}"
    return f"{written(best)}{note}: {cell(rows, variant, task.name, best)}"


def of_cell(rows: list[Row], variant: str, task: str) -> list[Row]:
    """Its runs with all rates and seeds."""
    return [row for row in rows if (row["variant"], row["task"]) == (variant, task)]


def written(lr: float) -> str:
    """3e-4, 1e-2."""
    return f"{lr:.0e}".replace("e-0", "e-")


def main(arguments: list[str] | None = None) -> None:
    """Merge, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "grids", nargs="*", type=Path, help="directories of the grid or parts of it"
    )
    parser.add_argument("--json", type=Path, default=FILE, help="where the rows are kept")
    given = parser.parse_args(arguments)
    rows = read_rows(given.json)
    if given.grids:
        rows = merged(rows, (row for grid in given.grids for row in finished(grid)))
        write_rows(given.json, "examples/prism_table4.yaml", rows)
    print(tables(rows))


if __name__ == "__main__":
    main()
