"""Finished runs whose inputs have changed since: data, tokenizers, plugins, uncommitted code.

A mean over seeds that were trained on two versions of a file describes neither. A record lists the
run's inputs (see `seqzoo.train.inputs`); they are compared with the inputs it would have now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from seqzoo.errors import DirectoryError, RunError, counted
from seqzoo.grid.plan.plan import Plan, PlanRow, plan_path, read_plan, run_directory
from seqzoo.grid.plan.run_state import read_run_state
from seqzoo.spec import Catalog
from seqzoo.spec.run import RunSpec
from seqzoo.train.directory import is_held
from seqzoo.train.inputs import MISSING, code_fingerprint, inputs_of

__all__ = ["ChangedRun", "changed_runs", "refuse_changed_runs", "set_changed_runs_aside", "told"]


@dataclass(frozen=True)
class ChangedRun:
    """A finished run whose inputs have changed.

    Attributes:
        row: its row in the plan.
        changes: one phrase for each changed input.
    """

    row: PlanRow
    changes: tuple[str, ...]


def changed_runs(directory: Path, catalog: Catalog) -> list[ChangedRun]:
    """The finished runs of a directory whose inputs have changed.

    An input that is missing now, such as an archived text, is not compared: new runs on it fail
    with their own message.
    """
    if not plan_path(directory).exists():
        return []
    known: dict[str, Mapping[str, str] | None] = {}
    found = []
    for row in read_plan(directory).distinct().values():
        record = read_run_state(directory, row).record
        if record is None or not record.inputs:
            continue
        parts = {key: row.spec[key] for key in ("model", "task", "train") if key in row.spec}
        key = json.dumps(parts, sort_keys=True)
        if key not in known:
            known[key] = _inputs_now(row, catalog)
        now = known[key]
        changes = () if now is None else tuple(_changes(record.inputs, now))
        if changes:
            found.append(ChangedRun(row, changes))
    return found


def _inputs_now(row: PlanRow, catalog: Catalog) -> Mapping[str, str] | None:
    """The inputs of a planned run as they are now; None if its parts are not installed."""
    try:
        return inputs_of(RunSpec.model_validate(row.spec, context={"catalog": catalog}))
    except ValidationError:
        return None


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for key in dict.fromkeys([*before, *now]):
        if key in before and key in now:
            if before[key] != now[key] and now[key] != MISSING:
                yield f"{key} was {before[key]} and is {now[key]} now"
        elif key.startswith("code ") and key in now:
            yield f"{key} differs from its commit now, and did not then"
        elif key.startswith("code "):  # it may have been committed since, as it was
            code = code_fingerprint(key.removeprefix("code "))
            if code is not None and code != before[key]:
                yield f"{key} was {before[key]}, in no commit, and is {code} now"


def told(changed: Sequence[ChangedRun]) -> str:
    """How many runs have changed inputs, with the changes of the first."""
    first = changed[0]
    return (
        f"{counted(len(changed), 'finished run')} had other inputs than "
        f"{'it' if len(changed) == 1 else 'they'} would have now, the first '{first.row.label}': "
        f"{'; '.join(first.changes)}"
    )


def refuse_changed_runs(directory: Path, catalog: Catalog) -> None:
    """Check that no finished run of the directory has changed inputs.

    Raises:
        DirectoryError: some have, or moving them was interrupted.
    """
    target, left = _left_behind(directory)
    if left:
        raise DirectoryError(
            f"{directory}: --rerun-changed was interrupted while it moved the old runs to "
            f"{target}; give it again, and it moves the rest"
        )
    changed = changed_runs(directory, catalog)
    if changed:
        raise DirectoryError(
            f"{directory}: {told(changed)}. Put the old inputs back, choose another --out, or add "
            "--rerun-changed, which does these runs again and keeps the old ones in "
            f"{directory / 'replaced'}"
        )


def set_changed_runs_aside(directory: Path, catalog: Catalog) -> int:
    """Move the changed runs into `replaced/`, so that the grid runs them again.

    In a tuned grid everything is moved, since the chosen values depend on all trials: first the
    plan, so that no later start takes over trials of which some have been moved. A move that was
    interrupted is finished before anything else.

    Returns:
        The number of changed runs.

    Raises:
        RunError: a run is being trained, or cannot be moved.
    """
    target, left = _left_behind(directory)
    _move(left, target)
    changed = changed_runs(directory, catalog)
    if not changed:
        return 0
    plan = read_plan(directory)
    moved = [run_directory(directory, each.row.run_id) for each in changed]
    if plan.studies:
        moved = [plan_path(directory), *_beside_the_plan(directory, plan)]
    _move(moved, _new_folder(directory / "replaced"))
    return len(changed)


def _move(paths: Sequence[Path], target: Path) -> None:
    """Move files and folders into the folder `target`, in this order."""
    held = [path for path in paths if is_held(path)]
    if held:
        raise RunError(f"{held[0]} is being trained; wait for it, then run the same command again")
    for path in paths:
        try:
            target.mkdir(parents=True, exist_ok=True)
            path.rename(target / path.name)
        except FileNotFoundError:
            continue
        except OSError as failure:
            raise RunError(f"{path} cannot be moved to {target} ({failure.strerror})") from None


def _beside_the_plan(directory: Path, plan: Plan) -> list[Path]:
    """All files of a tuned grid but its plan."""
    runs = [run_directory(directory, run_id) for run_id in plan.distinct()]
    return [*directory.glob("ledger.sqlite*"), *directory.glob("optuna.sqlite*"), *runs]


def _left_behind(directory: Path) -> tuple[Path, list[Path]]:
    """The folder that a tuned grid was last moved to, and what an interrupted move has left.

    What has a namesake in that folder is newer, and stays.
    """
    target = _last_folder(directory / "replaced")
    if plan_path(directory).exists() or not plan_path(target).exists():
        return target, []
    paths = _beside_the_plan(directory, read_plan(target))
    return target, [path for path in paths if path.exists() and not (target / path.name).exists()]


def _last_folder(root: Path) -> Path:
    return root / str(int(_new_folder(root).name) - 1)


def _new_folder(root: Path) -> Path:
    number = 1
    while (root / str(number)).exists():
        number += 1
    return root / str(number)
