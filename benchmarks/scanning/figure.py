"""One figure: time and peak memory against length, and the peers' times over ours."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

from scanning.plan import LENGTHS, RANKED
from scanning.recurrences import RECURRENCES
from scanning.work import TRAINING

Row = dict[str, Any]


def draw(record: dict[str, Any], path: Path) -> None:
    """Writes the figure; its format is the path's suffix.

    Raises:
        ValueError: the record has nothing to draw.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "seqzoo"  # or an SVG differs each time it is drawn
    from matplotlib import pyplot as plt

    rows = [row for row in record["rows"] if row["action"] == TRAINING and "median_ms" in row]
    by_length = [row for row in rows if row["group"] == LENGTHS]
    ratios = _ratios(rows)
    if not by_length and not ratios:
        raise ValueError("nothing to draw: no forward + backward time was measured")
    tall = max(4.0, 0.22 * len(ratios) + 1.5)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, tall), layout="constrained")
    _draw_lengths(left, by_length, "median_ms", 1.0, "milliseconds")
    _draw_lengths(middle, by_length, "peak_bytes", 2.0**20, "MiB at the peak, beyond the inputs")
    _draw_ratios(right, ratios)
    named = left.get_legend_handles_labels()[0]
    if named:
        figure.legend(handles=named, loc="outside lower left", ncols=4, fontsize="small")
    machine = record["machine"]
    figure.suptitle(f"Forward + backward on {machine.get('gpu') or machine['processor']}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _draw_lengths(axes: Any, rows: list[Row], field: str, unit: float, label: str) -> None:
    """One line per subject, through the lengths where the field was measured."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    rows = [row for row in rows if field in row]
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        title = RECURRENCES[row["recurrence"]].title if row["ours"] else ""
        name = f"{row['subject']} {title}".strip()
        lines.setdefault(name, []).append((row["shape"][1], row[field] / unit))
    for (name, points), mark in zip(lines.items(), cycle("osD^v"), strict=False):
        axes.plot(*zip(*sorted(points), strict=True), marker=mark, label=name)
    axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel=label)
    lengths = sorted({row["shape"][1] for row in rows})
    axes.set_xticks(lengths, [_in_thousands(tokens) for tokens in lengths])
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.minorticks_off()
    axes.grid(alpha=0.3)
    if lines:
        first = rows[0]
        axes.set_title(f"B = {first['shape'][0]}, H = {first['shape'][2]}, D = {first['shape'][3]}")


def _in_thousands(tokens: int) -> str:
    return str(tokens) if tokens % 1024 else f"{tokens // 1024}K"


def _draw_ratios(axes: Any, ratios: list[tuple[str, float]]) -> None:
    labels = [label for label, _ in ratios]
    values = [value for _, value in ratios]
    colours = ["tab:green" if value >= 1 else "tab:red" for value in values]
    bars = axes.barh(range(len(values)), values, color=colours)
    axes.bar_label(bars, fmt="{:.2f}", padding=3, fontsize="small")
    axes.margins(x=0.18)
    axes.set_yticks(range(len(values)), labels, fontsize="small")
    axes.invert_yaxis()
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set(xlabel="the peer's time over ours")
    axes.set_title("Above 1 ours is faster")


def _ratios(rows: list[Row]) -> list[tuple[str, float]]:
    found = []
    for row in rows:
        if row["ours"] or row["group"] in (LENGTHS, RANKED) or not row["exact"]:
            continue
        ours = [
            other["median_ms"]
            for other in rows
            if other["ours"] and all(other[k] == row[k] for k in ("group", "recurrence", "shape"))
        ]
        if ours:
            shape = "x".join(map(str, row["shape"]))
            found.append((f"{row['subject']} {shape}", row["median_ms"] / min(ours)))
    return found
