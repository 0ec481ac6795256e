"""Compare two runs: specs, results and environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqzoo.errors import SpecError
from seqzoo.report.collect.directory import collect
from seqzoo.report.collect.results import Result
from seqzoo.report.runs.changes import Change, changes

__all__ = ["Pair", "compare_runs"]


@dataclass(frozen=True)
class Pair:
    """The differences between two runs.

    Attributes:
        spec: differences of the resolved specs.
        results: status, steps, metrics and costs of both, also if they are equal.
        environment: differences in versions and device.
    """

    spec: list[Change]
    results: dict[str, tuple[Any, Any]]
    environment: list[Change]


def compare_runs(first: Path, second: Path) -> Pair:
    """Compare the runs in two directories.

    Raises:
        RunError: one of them holds no finished run.
        SpecError: one of them holds a grid.
    """
    one, two = _read(first), _read(second)
    results = [_results(one), _results(two)]
    return Pair(
        spec=changes(one.spec, two.spec),
        results={
            name: (results[0].get(name), results[1].get(name))
            for name in dict.fromkeys([*results[0], *results[1]])
        },
        environment=changes(_environment(one), _environment(two)),
    )


def _read(directory: Path) -> Result:
    if (directory / "plan.json").exists():
        raise SpecError(f"{directory} is a grid; name one of its runs, {directory}/runs/RUN")
    return collect(directory).results[0]


def _results(result: Result) -> Mapping[str, Any]:
    record = result.record
    if record is None:
        return {}
    return {
        "status": record.status,
        "steps": record.steps,
        "reached_at": record.reached_at,
        **record.metrics,
        "parameters": record.parameters,
        "state_size": record.state_size,
        "tokens_per_s": record.timings.tokens_per_s,
        "wall_s": record.timings.wall_s,
    }


def _environment(result: Result) -> Mapping[str, Any]:
    record = result.record
    return record.model_dump(include={"versions", "device"}) if record else {}
