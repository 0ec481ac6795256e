"""Table 3's question on interactions: the tables of docs/prism.md, from the results file.

    python benchmarks/prism_table3.py

Mean and standard deviation over the seeds, and beside it the mean difference to the full mixer,
paired by seed, with its bootstrap interval of 95 %.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from finished_runs import Row, markdown, short

from seqzoo.report.statistics.summary import Summary, summarize

FILE = Path(__file__).parent / "results" / "prism_table3.json"
METRICS = {"hr@200": "HR@200", "hr@500": "HR@500", "auc": "AUC", "ndcg@10": "NDCG@10"}
DIGITS = {"ndcg@10": 4}
RATE = 2e-3
"""The learning rate of the grid; the tuned runs of the file have rates of their own."""
PUBLISHED = {
    "full": ".1409, .2613, .7134",
    "depth-1": ".1155, .2374, .6805",
    "linear": ".1316, .2477, .7047",
    "no-anchor": ".1406, .2584, .7076",
    "no-gain": ".1383, .2406, .7098",
}
"""HR@200, HR@500 and AUC of the paper's Table 3."""


def tables(results: dict[str, Any]) -> str:
    """One rate for all, then each row at its own; as Markdown."""
    one_rate, own = results["runs"], results["tuned"]["runs"]
    tuned = {row["variant"] for row in own}
    at_own_rate = own + [row for row in one_rate if row["variant"] not in tuned]
    return f"{table(one_rate)}\n\n{table(at_own_rate, rates=True)}"


def table(rows: list[Row], *, rates: bool = False) -> str:
    """A line for each variant, in the order of Table 3, then of the alphabet."""
    others = {row["variant"] for row in rows} - set(PUBLISHED)
    columns = [name for title in METRICS.values() for name in (title, "difference")]
    last = "rate" if rates else "published HR@200, HR@500, AUC"
    lines = [["row", *columns, last]]
    full = _of(rows, "full")
    for variant in (*PUBLISHED, *sorted(others)):
        own, line = _of(rows, variant), [variant]
        for metric in METRICS:
            digits = DIGITS.get(metric, 3)
            line.append(spread([run[metric] for run in own], digits))
            pairs = [run[metric] - base[metric] for run, base in zip(own, full, strict=True)]
            line.append(difference(pairs, digits) if variant != "full" else "")
        rate = own[0].get("train.optimizer.lr", RATE)
        lines.append([*line, written(rate) if rates else PUBLISHED.get(variant, "")])
    return markdown(lines)


def spread(values: list[float], digits: int) -> str:
    """.566 ± .011."""
    summary = _summary(values)
    assert summary.sd is not None, "several seeds"
    return f"{short(summary.mean, digits)} ± {short(summary.sd, digits)}"


def difference(pairs: list[float], digits: int) -> str:
    """-.010 [-.013, -.008]."""
    summary = _summary(pairs)
    assert summary.interval is not None, "several seeds"
    low, high = (_signed(bound, digits) for bound in summary.interval)
    return f"{_signed(summary.mean, digits)} [{low}, {high}]"


def written(rate: float) -> str:
    """2e-3, 1.6e-2."""
    mantissa, exponent = f"{rate:.1e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _of(rows: list[Row], variant: str) -> list[Row]:
    """Its runs, in the order of their seeds."""
    return sorted((row for row in rows if row["variant"] == variant), key=lambda row: row["seed"])


def _summary(values: list[float]) -> Summary:
    summary = summarize(values)
    assert summary is not None
    return summary


def _signed(number: float, digits: int) -> str:
    text = f"{number:+.{digits}f}"
    return (text if float(text) else text[1:]).replace("0.", ".", 1)


def main() -> None:
    """Print."""
    print(tables(json.loads(FILE.read_text())))


if __name__ == "__main__":
    main()
