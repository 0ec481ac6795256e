"""Machine-readable reports: CSV with one row per cell, and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from seqzoo.escape import csv_field, json_text
from seqzoo.report.collect.results import Result
from seqzoo.report.report import Report
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.report.statistics.overall import Overall

__all__ = ["row_of", "rows_of", "to_csv", "to_json"]


def to_csv(report: Report) -> str:
    """A header and one line per cell; the column of an axis is named by its path."""
    rows = rows_of(report)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_field, rows[0]))
    for row in rows:
        writer.writerow(csv_field(_plain(value)) for value in row.values())
    return text.getvalue()


def to_json(report: Report) -> str:
    """The grid's facts, its cells as rows, trials and failures."""
    collection = report.collection
    states = [result.state for result in collection.runs]
    page = {
        "name": collection.name,
        "directories": list(map(str, collection.directories)),
        "against": collection.against,
        "base": collection.base or None,
        "axes": list(collection.axes),
        "variants": {each.name: list(each.changes) for each in report.variants},
        "seeds": sorted({result.seed for result in collection.results}),
        "runs": {state: states.count(state) for state in ("done", "failed", "missing")},
        "machines": report.machines,
        "backends": report.backends,
        "cells": rows_of(report),
        "overall": list(map(_overall, report.overall)),
        "trials": list(map(_trial, collection.trials)),
        "failures": [
            {
                "run_id": result.run_id,
                "variant": result.variant or None,
                "point": dict(result.point),
                "seed": result.seed,
                "error": result.error,
            }
            for result in collection.results
            if result.state == "failed"
        ],
    }
    return json_text(page) + "\n"


def rows_of(report: Report) -> list[dict[str, Any]]:
    """One row per cell, with columns for matching and tuning if the grid has them.

    A reference has one row for each place it is compared at, given in columns `at AXIS`.
    """
    cells, axes = report.cells, report.collection.axes
    rows = [row_of(cell, axes) for cell in cells]
    places = [axis for axis in axes if any(axis in cell.at for cell in cells)]
    for row, cell in zip(rows, cells, strict=True):
        row.update({f"at {axis}": cell.at.get(axis) for axis in places})
    if any(cell.matched for cell in cells):
        rows = [{**row, **_matched(cell)} for row, cell in zip(rows, cells, strict=True)]
    paths = list(dict.fromkeys(path for c in cells if c.chosen for path in c.chosen.values))
    if paths:
        rows = [{**row, **_tuned(cell, paths)} for row, cell in zip(rows, cells, strict=True)]
    return rows


def _matched(cell: Cell) -> dict[str, Any]:
    facts = cell.matched
    return {
        "match_by": facts and facts.by,
        "match_path": facts and facts.path,
        "match_before": facts and facts.before,
        "match_value": facts and facts.value,
        "match_reached": facts and facts.reached,
        "match_target": facts and facts.target,
    }


def _tuned(cell: Cell, paths: Sequence[str]) -> dict[str, Any]:
    chosen = cell.chosen
    return {
        **{path: chosen and chosen.values.get(path) for path in paths},
        "trial": chosen and chosen.number,
        "trials": chosen and chosen.trials,
        "trials_failed": chosen and chosen.failed,
        "trial_metric": chosen and chosen.metric,
        "trial_value": chosen and chosen.value,
        "trial_seed": chosen and chosen.seed,
    }


def _overall(overall: Overall) -> dict[str, Any]:
    return {
        "measure": overall.measure,
        "higher_is_better": overall.higher_is_better,
        "points": overall.points,
        "points_left_out": overall.left_out,
        "variants": [
            {
                "name": each.name,
                "interquartile_mean": each.middle.value,
                "interquartile_mean_interval": each.middle.interval,
                "is_bound": each.is_bound,
                "improvement": each.improvement and each.improvement.value,
                "improvement_interval": each.improvement and each.improvement.interval,
                "pairs": each.pairs,
                "p_holm": each.p,
                "seeds_needed": each.seeds,
            }
            for each in overall.standings
        ],
    }


def _trial(result: Result) -> dict[str, Any]:
    record, tried = result.record, result.tried
    return {
        "run_id": result.run_id,
        "variant": result.variant or None,
        "point": dict(result.point),
        "number": tried and tried.number,
        "values": tried and tried.values,
        "state": result.state,
        "metric": record.metrics.get(record.metric.name) if record else None,
    }


def row_of(cell: Cell, axes: Sequence[str]) -> dict[str, Any]:
    """The facts of a cell by column name; axes are named by their path."""
    summary, difference = cell.summary, cell.difference and cell.difference.summary
    low, high = (summary and summary.interval) or (None, None)
    difference_low, difference_high = (difference and difference.interval) or (None, None)
    return {
        "variant": cell.variant or None,
        **{axis: cell.point.get(axis) for axis in axes},
        "metric": cell.metric or None,
        "mean": summary.mean if summary else None,
        "sd": summary.sd if summary else None,
        "low": low,
        "high": high,
        "n": cell.n,
        "min": summary.minimum if summary else None,
        "max": summary.maximum if summary else None,
        "compared_by": cell.measure.name or None,
        "difference": difference.mean if difference else None,
        "difference_sd": difference.sd if difference else None,
        "difference_low": difference_low,
        "difference_high": difference_high,
        "difference_n": difference.n if difference else 0,
        "difference_bound": (cell.difference and cell.difference.sign) or None,
        "missing": cell.missing,
        "failed": cell.failed,
        "max_steps": cell.max_steps,
        "steps": cell.steps,
        "target": cell.target,
        "reached": len(cell.reached),
        "reached_at": cell.reached_at,
        "parameters": cell.parameters and cell.parameters[1],
        "state_size": cell.state_size and cell.state_size[1],
        "tokens_per_s": cell.speed and cell.speed.mean,
        "tokens_per_s_min": cell.speed and cell.speed.minimum,
        "tokens_per_s_max": cell.speed and cell.speed.maximum,
    }


def _plain(value: Any) -> Any:
    """A field of CSV: mappings, lists and booleans as JSON."""
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) else value
