"""The plan: every run of a grid, frozen on disk before the first one starts.

`plan.json` is all that workers and reports need: the resolved spec of each run, and the variant,
the axes' values and the seed that describe it. A grid may grow in its directory and be renamed, but
a plan never loses a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from seqzoo.errors import RunError
from seqzoo.grid.distinct_labels import Labels
from seqzoo.grid.labels import run_label, tried_label
from seqzoo.grid.matched import Matched
from seqzoo.grid.plan.coherence import check_plan
from seqzoo.grid.tune.tuned import Chosen, PlannedStudy, Tried
from seqzoo.spec.explain import first_problem
from seqzoo.spec.grid import base_variant

if TYPE_CHECKING:
    from seqzoo.grid.plan.expansion import PlannedRun

__all__ = [
    "FORMAT",
    "Plan",
    "PlanRow",
    "State",
    "make_plan",
    "plan_path",
    "read_plan",
    "run_directory",
]

FORMAT = 2

State = Literal["planned", "running", "done", "failed"]  # of a run, as the ledger has it


class PlanRow(BaseModel):
    """One cell's run of one seed.

    Attributes:
        run_id: hash of the resolved spec; two rows with equal specs share one run.
        variant: name of the delta, "" if the grid has no variants.
        point: axis path -> value as written.
        seed: the run's seed.
        spec: the resolved run spec, as plain data.
        dropped: axes left out of the point because the run's parts have no such setting.
        matched: how its budget was matched to the base's, None unless the grid asks for it.
        tried: the trial that it is, None for a run of the comparison.
        chosen: how its values were chosen, None for a trial, and where nothing is tuned.
        own_id: hash of the cell's own spec, which may share the run of another cell; not in the
            file, "" if unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str
    variant: str
    point: dict[str, Any]
    seed: int
    spec: dict[str, Any]
    dropped: tuple[str, ...] = ()
    matched: Matched | None = None
    tried: Tried | None = None
    chosen: Chosen | None = None
    own_id: str = Field(default="", exclude=True)

    @property
    def label(self) -> str:
        """Variant, point and seed in one line; of a trial its number and values too."""
        return self.labelled(run_label(self.variant, self.point, self.seed))

    def labelled(self, label: str) -> str:
        """The label of the run, and of a trial its number and values."""
        if self.tried is None:
            return label
        return f"{label}, trial {self.tried.number}: {tried_label(self.tried.values)}"

    @property
    def max_steps(self) -> int:
        """Optimizer steps the run has at most."""
        return self.spec["train"]["steps"]

    @property
    def target(self) -> float | None:
        """The metric at which the run stops early, if it has one."""
        stop = self.spec["train"].get("stop")
        return stop.get("target") if stop else None


class Plan(BaseModel):
    """All runs of a grid, in the order they are done.

    Attributes:
        format: version of this file.
        name: the grid's name.
        base: the variant that others are compared with, "" if there are no variants.
        variants: in the order written.
        axes: paths of the axes, in the order written.
        runs: one row for each variant, point and seed, and of a tuned grid for each trial.
        studies: the cells that are tuned.
        sampler: the sampler that tunes them, as plain data; None if nothing is tuned.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    name: str
    base: str
    variants: tuple[str, ...]
    axes: tuple[str, ...]
    runs: tuple[PlanRow, ...]
    studies: tuple[PlannedStudy, ...] = ()
    sampler: dict[str, Any] | None = None

    def distinct(self) -> dict[str, PlanRow]:
        """Run id -> the first row with it: the runs to do."""
        rows: dict[str, PlanRow] = {}
        for row in self.runs:
            rows.setdefault(row.run_id, row)
        return rows

    def labels(self) -> dict[str, str]:
        """Run id -> its name in messages; different points have different names."""
        names = Labels([row.point for row in self.runs])
        labels: dict[str, str] = {}
        for row in self.runs:
            labels.setdefault(row.run_id, row.labelled(names.run(row.variant, row.point, row.seed)))
        return labels


def make_plan(
    name: str, runs: Sequence[PlannedRun], deltas: Mapping[str, Mapping[str, Any]] | None = None
) -> Plan:
    """The plan of an expanded grid.

    Args:
        name: the grid's name.
        runs: what `expand` gave.
        deltas: the grid's variants; the first with an empty delta is the base to compare with,
            else the first of all.
    """
    variants = tuple(dict.fromkeys(run.variant for run in runs if run.variant))
    return Plan(
        name=name,
        base=base_variant({variant: (deltas or {}).get(variant, {"": 0}) for variant in variants}),
        variants=variants,
        axes=tuple(dict.fromkeys(axis for run in runs for axis in run.point)),
        runs=tuple(
            PlanRow(
                run_id=run.run_id,
                variant=run.variant,
                point=dict(run.point),
                seed=run.seed,
                spec=run.spec.resolved(),
                dropped=run.dropped,
                matched=run.matched,
                own_id=run.own_id,
            )
            for run in runs
        ),
    )


def plan_path(directory: Path) -> Path:
    """Where a grid's plan lies."""
    return directory / "plan.json"


def run_directory(directory: Path, run_id: str) -> Path:
    """Where a run of the grid in `directory` leaves its files."""
    return directory / "runs" / run_id


def read_plan(directory: Path) -> Plan:
    """The plan frozen in a grid's directory.

    Raises:
        RunError: there is none, it cannot be read, or a newer seqzoo wrote it.
    """
    path = plan_path(directory)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise RunError(f"{directory}: no plan.json here; give a grid's --out directory") from None
    except OSError as failure:
        raise RunError(f"{path}: cannot be read ({failure.strerror}); check the path") from None
    try:
        data = _parsed(text)
        version = data.get("format") if isinstance(data, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise RunError(
                f"{path}: written by a newer seqzoo (plan format {version}, this one reads up to "
                f"{FORMAT}); upgrade seqzoo, or choose another directory"
            )
        if version == 1:
            raise RunError(
                f"{path}: written by seqzoo 0.1 (plan format 1), whose parts and run ids were "
                "others; run the grid again in a new directory"
            )
        plan = Plan.model_validate(data)
        check_plan(plan)
        return plan
    except ValueError as failure:
        first = first_problem(failure) if isinstance(failure, ValidationError) else str(failure)
        raise RunError(
            f"{path}: not a plan of seqzoo ({first}); restore the file, or delete it and run the "
            "grid again: finished runs are recognised by their records"
        ) from None


def _parsed(text: bytes) -> Any:
    try:
        return from_json(text)
    except ValueError as failure:
        raise ValueError(f"it is not JSON: {failure}") from None
