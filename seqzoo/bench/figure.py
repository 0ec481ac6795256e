"""One figure: tokens per second and memory against length, one line per mixer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from seqzoo.bench.measure import Row
from seqzoo.errors import SpecError
from seqzoo.escape import figure_label
from seqzoo.files import write_output
from seqzoo.report.figures.panels import Drawing, add_legend, make_axes
from seqzoo.report.figures.save import rendered
from seqzoo.report.figures.style import figure_style, look_at
from seqzoo.report.figures.ticks import LogCounts

__all__ = ["FORMATS", "draw"]

FORMATS = ("svg", "png", "pdf")
MEMORY = "peak memory in training, MiB"


def draw(rows: list[Row], path: Path) -> None:
    """Write the figure; its format is the path's suffix.

    Raises:
        SpecError: nothing was measured.
        RunError: the file cannot be written.
    """
    phases = list(dict.fromkeys(row["phase"] for row in rows if "ms" in row))
    if not phases:
        raise SpecError("bench: nothing was measured, so there is nothing to draw")
    panels: list[tuple[str, str, Any]] = [
        (f"{phase}, tokens a second", phase, lambda row: row.get("tokens_per_s"))
        for phase in phases
    ]
    if any("peak_bytes" in row for row in rows if row["phase"] == "training"):
        panels.append((MEMORY, "training", _mebibytes))
    with figure_style(salt="bench"):
        figure, axes = make_axes(len(panels), 3.2, 2.6, columns=4)
        for ax, (title, phase, value) in zip(axes, panels, strict=True):
            _panel(ax, [row for row in rows if row["phase"] == phase], rows, value)
            ax.set_title(title)
        add_legend(figure, axes)
    drawing = Drawing("bench", "What the mixers cost", "", figure)
    write_output(path, rendered(drawing, path.suffix.removeprefix("."), "white"))


def _mebibytes(row: Row) -> float | None:
    return row["peak_bytes"] / 2**20 if "peak_bytes" in row else None


def _panel(ax: Axes, rows: list[Row], everything: list[Row], value: Any) -> None:
    mixers = list(dict.fromkeys(row["mixer"] for row in everything))
    for number, mixer in enumerate(mixers):
        points = [
            (row["length"], value(row))
            for row in rows
            if row["mixer"] == mixer and value(row) is not None
        ]
        if points:
            lengths, values = zip(*points, strict=True)
            ax.plot(lengths, values, label=figure_label(mixer), **look_at(number).line)
    lengths = sorted({row["length"] for row in rows})
    ax.set(xscale="log", yscale="log", xlabel="tokens")
    ax.set_xticks(lengths, [_short(length) for length in lengths])
    ax.xaxis.minorticks_off()
    ax.yaxis.set_major_formatter(LogCounts())
    ax.yaxis.set_minor_formatter(LogCounts())
    ax.grid(visible=True)


def _short(length: int) -> str:
    return str(length) if length % 1024 else f"{length // 1024}K"
