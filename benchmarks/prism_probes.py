"""PRISM's theory on trained models: what the probes found, by kernel of the anchor.

    seqzoo grid examples/prism_probes.yaml --out runs/probes
    for run in runs/probes/runs/*/; do seqzoo probe $run --sequences 32; done
    python benchmarks/prism_probes.py runs/probes [--json FILE]

Writes a row for each layer of each probed run to the file, and prints the table of docs/prism.md.
Without a grid it prints the table of the file as it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from finished_runs import Row, finished_runs, markdown, read_rows, write_rows

from seqzoo.grid import run_directory
from seqzoo.probe import Finding, read_findings
from seqzoo.probe.error_growth import late_growth

FILE = Path(__file__).parent / "results" / "prism_probes.json"
KERNEL = "model.mixer.anchor.kernel_size"
TITLES = {
    "kernel": "kernel",
    "layer": "layer",
    "accuracy": "accuracy",
    "anchor_early": "anchor's error, tokens 2 to 16",
    "anchor_late": "from token 65",
    "left": "residual left",
    "solver": "cosine with the solver's write",
    "modulus": "moduli of A_t",
    "of_A": "growth of an error in A",
    "of_B": "in B",
}
"""Columns of the table, and their heads."""


def finished(directory: Path) -> list[Row]:
    """A row for each layer of each finished run that was probed."""
    rows = []
    for run, record in finished_runs(directory):
        findings = read_findings(run_directory(directory, record.run_id))
        if findings is None:
            continue
        found = {finding.probe: finding for finding in findings.found}
        for layer in dict.fromkeys(row["layer"] for row in found["anchor_error"].rows):
            run["kernel"] = run.get(KERNEL)
            rows.append(
                {
                    **{name: run[name] for name in ("kernel", "seed")},
                    "layer": layer,
                    "accuracy": round(record.metrics["accuracy"], 5),
                    **measured(found, layer),
                    **{name: run[name] for name in ("code", "torch", "device", "date")},
                }
            )
    return sorted(rows, key=lambda row: (row["kernel"], row["layer"], row["seed"]))


def measured(found: Mapping[str, Finding], layer: Any) -> Row:
    """One layer's figures."""

    def of(probe: str) -> list[Mapping[str, Any]]:
        return [row for row in found[probe].rows if row["layer"] == layer]

    anchor = of("anchor_error")
    laws = {
        error: [round(number, 3) for number in law] if law else None
        for error, law in zip(("of_A", "of_B"), late_growth(of("error_growth")), strict=True)
    }
    return {
        "anchor_early": _mean(row["error"] for row in anchor if 2 <= row["position"] <= 16),
        "anchor_late": _mean(row["error"] for row in anchor if row["position"] > 64),
        "left": round(of("residual_energy")[-1]["energy"], 4),
        "solver": _mean(row["write"] for row in of("ideal_solver") if row["position"] > 1),
        "modulus": [
            round(min(row["modulus"] for row in of("transition_spectrum")), 4),
            round(max(row["modulus"] for row in of("transition_spectrum")), 4),
        ],
        **laws,
    }


def table(rows: list[Row]) -> str:
    """A line for each kernel and layer, with a figure for each seed, as Markdown."""
    lines = [list(TITLES.values())]
    for kernel, layer in dict.fromkeys((row["kernel"], row["layer"]) for row in rows):
        seeds = [row for row in rows if (row["kernel"], row["layer"]) == (kernel, layer)]
        line = [str(kernel), str(layer)]
        line += ["; ".join(shown(name, row[name]) for row in seeds) for name in list(TITLES)[2:]]
        lines.append(line)
    return markdown(lines)


def shown(name: str, value: Any) -> str:
    """A figure as the table has it."""
    if name in ("of_A", "of_B"):
        return law(value) if value else "none"
    if isinstance(value, Sequence):
        return " to ".join(f"{each:.2f}" for each in value)
    return f"{value:.3f}" if name == "accuracy" else f"{value:.2f}"


def law(numbers: Sequence[float]) -> str:
    """The law that explains more of the error, t^0.98 or ln t, and the share that it explains."""
    power, of_power, of_log = numbers
    name, explained = (f"t^{power:.2f}", of_power) if of_power >= of_log else ("ln t", of_log)
    return f"{name} ({explained:.2f})"


def _mean(values: Any) -> float:
    return round(mean(values), 4)


def main(arguments: list[str] | None = None) -> None:
    """Collect, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("grid", nargs="?", type=Path, help="directory of the grid")
    parser.add_argument("--json", type=Path, default=FILE, help="where the figures are kept")
    given = parser.parse_args(arguments)
    rows = read_rows(given.json)
    if given.grid:
        rows = finished(given.grid)
        write_rows(given.json, "examples/prism_probes.yaml", rows)
    print(table(rows))


if __name__ == "__main__":
    main()
