"""Figures of what probes found: one for each probe, with a panel for each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from seqzoo.escape import figure_label
from seqzoo.probe import Finding, read_findings
from seqzoo.report.collect.results import Result
from seqzoo.report.figures.panels import (
    MOST_PANELS,
    Drawing,
    add_legend,
    make_axes,
    share_scale,
)
from seqzoo.report.figures.style import figure_style, look_at
from seqzoo.report.report import Report

__all__ = ["Probed", "draw_probed_runs", "draw_probes"]


@dataclass(frozen=True)
class Probed:
    """What probes found on one run.

    Attributes:
        run: its name in titles; "" if it is the only one.
        found: one finding for each probe.
    """

    run: str
    found: Sequence[Finding]


def draw_probes(probed: Sequence[Probed], about: str = "") -> Iterator[Drawing]:
    """Draw one figure for each probe that has rows; all panels of a figure have the same limits.

    Args:
        probed: the runs, each with a panel in every figure that it has rows for.
        about: the captions' sentences on all runs.
    """
    by_probe: dict[str, list[tuple[str, Finding]]] = {}
    for each in probed:
        for finding in each.found:
            if finding.rows:
                by_probe.setdefault(finding.probe, []).append((each.run, finding))
    for name, findings in by_probe.items():
        first = findings[0][1]
        with figure_style():
            figure, grid = make_axes(len(findings), 3.5, 2.5)
            for ax, (run, finding) in zip(grid, findings, strict=True):
                _draw(ax, finding)
                ax.set_title(figure_label(run))
            share_scale([name] * len(grid), grid, "x")
            share_scale([name] * len(grid), grid, "y")
            add_legend(figure, grid)
        notes = tuple(
            f"{run}. {line}" if run else line
            for run, finding in findings
            for line in finding.note.splitlines()
        )
        yield Drawing(f"probe-{name}", first.title, first.meaning + about, figure, notes)


def draw_probed_runs(report: Report) -> Iterator[Drawing]:
    """The figures of those runs of a report that `seqzoo probe` has measured.

    If there are more than twelve, every cell's first seed comes before any cell's second. Titles
    say the step of a checkpoint that is not the run's last, and the tokens where they differ.
    """
    names = report.collection.labels
    found = [
        (result, findings)
        for result in report.collection.results
        if (findings := read_findings(result.directory)) is not None
    ]
    chosen = _some_of([result for result, _ in found])
    shown = [(result, findings) for result, findings in found if result.run_id in chosen]
    alike = len({findings.tokens for _, findings in shown}) == 1
    probed = []
    for result, findings in shown:
        title = [names.run(result.variant, result.point, result.seed)]
        steps = result.record.steps if result.record else findings.step
        if findings.checkpoint != "last" or steps != findings.step:
            title.append(f"at step {findings.step:,}")
        if not alike:
            title.append(findings.tokens)
        probed.append(Probed(", ".join(title), findings.found))
    captions = [f" {shown[0][1].tokens}."] if shown and alike else []
    if len(shown) < len(found):
        captions.append(f" {len(shown)} of {len(found)} probed runs, first seeds first.")
    return draw_probes(probed, "".join(captions))


def _some_of(results: Sequence[Result]) -> set[str]:
    """The ids of the runs to draw."""
    before: Counter[str] = Counter()
    rounds: dict[str, int] = {}  # run id -> how many runs of its cell come before it
    for result in results:
        cell = f"{result.variant} {result.point}"
        rounds[result.run_id] = before[cell]
        before[cell] += 1
    return set(sorted(rounds, key=lambda run_id: rounds[run_id])[:MOST_PANELS])


def _draw(ax: Axes, finding: Finding) -> None:
    plot = finding.plot
    whole = True  # numbers along the horizontal axis, such as steps
    for place, (label, points) in enumerate(_lines(finding)):
        xs, ys = zip(*points, strict=True)
        whole = whole and all(x.is_integer() for x in xs)
        every = max(1, len(xs) // 6)
        ax.plot(xs, ys, **look_at(place).line, markevery=every, label=figure_label(label))
    for axis, scale in ((ax.xaxis, ax.set_xscale), (ax.yaxis, ax.set_yscale)):
        if axis.axis_name in plot.log:
            scale("log")
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(NullFormatter())
    if whole and "x" not in plot.log:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True))
    ax.set_xlabel(figure_label(plot.x_label))
    ax.set_ylabel(figure_label(plot.y_label))
    ax.grid()


def _lines(finding: Finding) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Name and points of each line: one for each value of `by` and each column.

    A logarithmic axis has no place for what is not positive.
    """
    plot = finding.plot
    for value in dict.fromkeys(row[plot.by] for row in finding.rows):
        rows = [row for row in finding.rows if row[plot.by] == value]
        for column in plot.ys:
            points = [
                (float(x), float(y))
                for row in rows
                if isinstance(x := row[plot.x], int | float)
                and isinstance(y := row[column], int | float)
                and (x > 0 or "x" not in plot.log)
                and (y > 0 or "y" not in plot.log)
            ]
            if points:
                label = f"{plot.by} {value}"
                yield (label if len(plot.ys) == 1 else f"{label}, {column}"), points
