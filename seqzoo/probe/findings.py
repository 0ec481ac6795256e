"""The results of probes: rows of numbers, how to plot them, and the file that holds them.

Nothing here needs torch, so that a report can read findings quickly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seqzoo.errors import RunError
from seqzoo.files import read_regular, write_whole, writing

__all__ = [
    "FILE",
    "Finding",
    "Findings",
    "Plot",
    "Value",
    "keep_findings",
    "read_findings",
    "write_findings",
]

FILE = "probes.json"
VERSION = 2

Value = float | int | str | None


@dataclass(frozen=True)
class Plot:
    """How rows are plotted: one line for each value of `by`, or for each column of `ys`.

    Attributes:
        x: the column along the horizontal axis.
        ys: the columns drawn.
        by: the column whose values get a line each.
        x_label, y_label: of the axes, with units.
        log: which axes are logarithmic: "", "x", "y" or "xy".
    """

    x: str
    ys: tuple[str, ...]
    by: str
    x_label: str
    y_label: str
    log: str = ""


@dataclass(frozen=True)
class Finding:
    """The results of one probe on one run.

    Attributes:
        probe: its name.
        title: what was measured, as a heading.
        meaning: how to read the numbers, in a sentence or two.
        rows: the numbers; all rows have the same columns. Empty where the probe does not apply.
        plot: how to draw them.
        note: why there are no rows, what was left out or what the rows show; each line is
            printed as one, and is an item of the page's list.
    """

    probe: str
    title: str
    meaning: str
    rows: Sequence[Mapping[str, Value]]
    plot: Plot
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """All results on a run.

    Attributes:
        checkpoint: whose weights, `last` or `best`.
        step: of training, at which that checkpoint was saved.
        sequences: test sequences looked at.
        length: tokens of each.
        found: one finding per probe.
    """

    checkpoint: str
    step: int
    sequences: int
    length: int
    found: list[Finding] = field(default_factory=list)

    @property
    def tokens(self) -> str:
        """What the probes looked at, in words."""
        return f"{self.sequences} sequences of {self.length} tokens"

    @property
    def settings(self) -> tuple[str, int, int, int]:
        """What findings must share to stand beside each other: weights and tokens."""
        return self.checkpoint, self.step, self.sequences, self.length


def keep_findings(findings: Findings, directory: Path) -> list[str]:
    """Write `probes.json` into a run's directory, with what other probes found before.

    A file that cannot be read is replaced.

    Returns:
        The probes whose older findings were dropped, since they saw other weights or tokens.

    Raises:
        RunError: it cannot be written.
    """
    measured = {finding.probe for finding in findings.found}
    try:
        before = read_findings(directory)
    except RunError:
        before = None
    others = [each for each in before.found if each.probe not in measured] if before else []
    if before is not None and before.settings != findings.settings:
        write_findings(findings, directory)
        return [each.probe for each in others]
    found = sorted([*others, *findings.found], key=lambda each: each.probe)
    write_findings(replace(findings, found=found), directory)
    return []


def write_findings(findings: Findings, directory: Path) -> Path:
    """Write `probes.json` into a run's directory; a number that is not finite becomes null.

    Raises:
        RunError: it cannot be written.
    """
    path = directory / FILE
    data = {"version": VERSION, **asdict(findings)}
    with writing(path, "probe a copy of the run"):
        write_whole(path, json.dumps(_finite(data), indent=1, allow_nan=False).encode())
    return path


def read_findings(directory: Path) -> Findings | None:
    """The results of `seqzoo probe` in a run's directory; None if it was not run.

    Raises:
        RunError: the file is damaged, or was written by another version.
    """
    path = directory / FILE
    try:
        data = json.loads(read_regular(path))
        if data.pop("version") != VERSION:
            raise ValueError("another version wrote it")
        found = [
            Finding(**{**each, "plot": Plot(**{**each["plot"], "ys": tuple(each["plot"]["ys"])})})
            for each in data.pop("found")
        ]
        for each in found:
            _check_rows(each)
        return Findings(**data, found=found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as failure:
        raise RunError(f"{path} cannot be read ({failure}); run seqzoo probe again") from None


def _check_rows(finding: Finding) -> None:
    """Every row must have what is drawn of it."""
    wanted = {finding.plot.by, finding.plot.x, *finding.plot.ys}
    for number, row in enumerate(finding.rows):
        if missing := wanted - row.keys():
            raise ValueError(f"row {number} of {finding.probe} has no '{min(missing)}'")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value
