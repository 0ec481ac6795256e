"""How deep PRISM should refine: accuracy, rank, time and memory by depth, from finished runs.

    seqzoo grid examples/prism_depth_small.yaml --out runs/depth
    for run in runs/depth/runs/*/; do seqzoo probe $run write_rank; done
    seqzoo bench '{type: prism, depth: 1}' '{type: prism, depth: 2}' ... --lengths 1024 \\
        --width 64 --phase training --threads 1 --json > cost.json
    python benchmarks/prism_depth.py runs/depth [--cost cost.json] [--json FILE]

Writes the runs of the grid, with the rank that the probe found, and what `bench` measured to the
file, and prints the table of docs/prism.md. Without a grid it prints the file's table as it is.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean
from typing import Any

import yaml
from finished_runs import Row, finished_runs, markdown, short

from seqzoo.files import write_whole
from seqzoo.grid import run_directory
from seqzoo.probe import read_findings

FILE = Path(__file__).parent / "results" / "prism_depth.json"
DEPTH = "model.mixer.depth"
COLUMNS = (
    *("depth", "seed", "lr", "accuracy", "steps", "reached_at", "parameters", "rank", "effective"),
    *("code", "torch", "device", "date"),
)
"""`rank` and `effective` are of all writes of a token, the mean over layers; None if not probed."""


def finished(directory: Path) -> list[Row]:
    """A row for each finished run of the grid."""
    rows = []
    for run, record in finished_runs(directory):
        run["depth"] = run.pop(DEPTH)
        run["accuracy"] = round(record.metrics["accuracy"], 5)
        run["reached_at"] = record.reached_at
        run |= ranks(run_directory(directory, record.run_id), run["depth"])
        rows.append({name: run[name] for name in COLUMNS})
    return sorted(rows, key=lambda row: (row["depth"], row["seed"]))


def ranks(directory: Path, depth: int) -> Row:
    """What `seqzoo probe RUN write_rank` found of the sum of all writes."""
    findings = read_findings(directory)
    found = [each for each in findings.found if each.probe == "write_rank"] if findings else []
    if not found:
        return {"rank": None, "effective": None}
    whole: list[Any] = [row for row in found[0].rows if row["write"] == depth]
    return {name: round(mean(row[name] for row in whole), 3) for name in ("rank", "effective")}


def costs(path: Path) -> dict[str, Any]:
    """Time and memory of each depth, from the JSON of `seqzoo bench`."""
    measured = json.loads(path.read_text())
    rows = [
        {
            "depth": yaml.safe_load(row["mixer"])["depth"],
            "ms": row["ms"],
            "bytes": row["peak_bytes"],
        }
        for row in measured.pop("rows")
    ]
    return {**measured, "rows": rows}


def table(results: dict[str, Any]) -> str:
    """A line for each depth, as Markdown."""
    head = ["steps", "parameters", "accuracy", "reached 0.99", "at step", "rank of B_t"]
    lines = [[*head, "effective rank", "time", "peak memory"]]
    cost = {row["depth"]: row for row in results.get("cost", {}).get("rows", ())}
    for depth in dict.fromkeys(row["depth"] for row in results["runs"]):
        rows = [row for row in results["runs"] if row["depth"] == depth]
        reached = [row["reached_at"] for row in rows if row["reached_at"]]
        line = [str(depth), f"{rows[0]['parameters']:,}"]
        line.append(", ".join(short(row["accuracy"], 3) for row in rows))
        line.append(f"{len(reached)} of {len(rows)}")
        line.append(f"{mean(reached):,.0f}" if reached else "")
        line += [spread([row[name] for row in rows], 2) for name in ("rank", "effective")]
        if depth in cost:
            line.append(f"{cost[depth]['ms']:.1f} ms")
            line.append(f"{cost[depth]['bytes'] / 2**20:.1f} MiB")
        lines.append(line + [""] * (len(lines[0]) - len(line)))
    return markdown(lines)


def spread(values: list[float | None], digits: int) -> str:
    """The least and the largest, or one of them where they round alike."""
    known = [value for value in values if value is not None]
    ends = [f"{each:.{digits}f}" for each in (min(known), max(known))] if known else ["not probed"]
    return " to ".join(dict.fromkeys(ends))


def main(arguments: list[str] | None = None) -> None:
    """Collect, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("grid", nargs="?", type=Path, help="directory of the grid")
    parser.add_argument("--cost", type=Path, help="what `seqzoo bench --json` printed")
    parser.add_argument("--json", type=Path, default=FILE, help="where the figures are kept")
    given = parser.parse_args(arguments)
    results = json.loads(given.json.read_text()) if given.json.exists() else {}
    if given.grid:
        results |= {"grid": "examples/prism_depth_small.yaml", "runs": finished(given.grid)}
    if given.cost:
        results["cost"] = costs(given.cost)
    if given.grid or given.cost:
        write_whole(given.json, json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
