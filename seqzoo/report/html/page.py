"""Render the page from the template, the report's tables and figures, and the data of its runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seqzoo.escape import html, html_lines
from seqzoo.files import read_regular
from seqzoo.grid import failure_path
from seqzoo.grid.distinct_labels import Labels
from seqzoo.report.collect.failures import failed_alike
from seqzoo.report.collect.garbage import collector_at_rest
from seqzoo.report.collect.results import Result
from seqzoo.report.figures import draw_figures, inline_svg
from seqzoo.report.html.run_rows import choices_of, columns_of, data_of, row_of
from seqzoo.report.report import Report
from seqzoo.report.tables.trials import trials_in_order, trials_table

__all__ = ["embedded", "to_html"]

WIDTH = 150  # characters of a summary table, on a wide page
MOST_ROWS = 1000  # of the table of runs, until more are asked for: browsers are slow with more


@collector_at_rest()
def to_html(report: Report) -> str:
    """Render one self-contained page: summary, figures, runs with specs and curves, failures."""
    templates = Environment(
        loader=PackageLoader("seqzoo.report.html"),
        autoescape=True,
        finalize=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    results, trials = report.collection.results, trials_in_order(report.collection)
    names = report.collection.labels
    labels = [names.run(result.variant, result.point, result.seed) for result in results]
    trial_labels = [_trial_label(trial, names) for trial in trials]
    tables = report.tables(WIDTH)
    columns = columns_of(report)
    rows = [row_of(result, columns, names) for result in results]
    return templates.get_template("report.html").render(
        name=report.collection.name,
        origin=report.heading.removeprefix(f"{report.collection.name}: "),
        facts=_facts(report),
        tables=tables,
        notes=report.notes(tables),
        variants=report.variants,
        trials=trials_table(report.collection),
        drawings=[(drawing, Markup(inline_svg(drawing))) for drawing in draw_figures(report)],
        columns=columns,
        choices=choices_of(columns, rows),
        runs=rows,
        most_rows=MOST_ROWS,
        failures=_failures([*results, *trials], [*labels, *trial_labels]),
        machines=_environment(report),
        version=version("seqzoo"),
        css=_source(templates, "report.css"),
        js=_source(templates, "report.js"),
        data=embedded(data_of(report, trials, [*labels, *trial_labels])),
    )


def _source(templates: Environment, name: str) -> Markup:
    """A file of this package as trusted markup."""
    assert templates.loader is not None
    return Markup(templates.loader.get_source(templates, name)[0])


def embedded(data: Any) -> Markup:
    """JSON for a `<script>` element: nothing in it can close the element or open another.

    Numbers must be finite.
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _facts(report: Report) -> list[tuple[str, str]]:
    collection = report.collection
    states = [result.state for result in collection.runs]
    records = {r.run_id: r.record for r in collection.results if r.record is not None}.values()
    hours = sum(record.timings.wall_s for record in records) / 3600
    variants = len({result.variant for result in collection.results})
    facts = [
        ("runs done", f"{states.count('done')} of {len(states)}"),
        *((state, str(states.count(state))) for state in ("failed", "missing") if state in states),
        ("variants", str(variants)),
        ("seeds", str(len({result.seed for result in collection.results}))),
        ("metric", ", ".join(dict.fromkeys(c.metric for c in report.cells if c.metric)) or "none"),
        ("time in runs", f"{hours:,.1f} h" if hours >= 1 else f"{hours * 60:,.1f} min"),
    ]
    if collection.base:
        facts.append(("compared with", collection.base))
    return facts


def _environment(report: Report) -> list[str]:
    """The machines, scan backends, Python and plugin versions."""
    plugins = {
        f"{name} {number}"
        for result in report.collection.results
        if result.record is not None
        for name, number in result.record.versions.plugins.items()
    }
    pythons = {
        f"Python {result.record.versions.python}"
        for result in report.collection.results
        if result.record is not None
    }
    return [*report.machines, *report.backends, *sorted(pythons), *sorted(plugins)]


def _trial_label(trial: Result, names: Labels) -> str:
    label = names.run(trial.variant, trial.point, trial.seed)
    return f"{label}, trial {trial.tried.number}" if trial.tried is not None else label


@dataclass(frozen=True)
class _Failure:
    """One kind of failure: the runs that failed so, the error, and the first run's traceback."""

    labels: list[str]
    error: str
    text: Markup


def _failures(results: Sequence[Result], labels: Sequence[str]) -> list[_Failure]:
    labelled = zip(results, labels, strict=True)
    failed = ((result, label) for result, label in labelled if result.state == "failed")
    return [
        _Failure(alike, first.error or "", html_lines(_failure_text(first)))
        for first, alike in failed_alike(failed)
    ]


def _failure_text(result: Result) -> str:
    try:
        return read_regular(failure_path(result.directory)).decode(errors="replace")
    except OSError:
        return result.error or ""
