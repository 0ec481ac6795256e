"""`seqzoo grid FILE --out DIR`: do all runs of a grid, and print the table."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqzoo.errors import SpecError, counted

if TYPE_CHECKING:
    from seqzoo.grid import Executor, Outcome

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where plan, ledger and runs are kept.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Runs at a time; else one a core.")
    ] = None,
    executor: Annotated[
        str, typer.Option(metavar="NAME", help="What runs them; or '{type: NAME, ...}'.")
    ] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, run nothing.")] = False,
    estimate: Annotated[
        bool, typer.Option(help="In a dry run, time a few steps of each distinct shape.")
    ] = True,
    rerun_changed: Annotated[
        bool,
        typer.Option(
            "--rerun-changed", help="Redo finished runs whose data, plugins or code changed."
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Lay a value over the file's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Do all runs of a grid and print the table; the same command again resumes.

    Ctrl-C once finishes the current runs, twice stops them; both can be resumed.
    """
    _refuse_torchrun()
    from rich.console import Console

    import seqzoo
    from seqzoo.cli.judging import judge, label_of
    from seqzoo.grid import (
        RunJob,
        make_plan,
        make_tuner,
        refuse_lost_runs,
        run_directory,
        run_grid,
        view_for,
    )
    from seqzoo.grid.plan.changed_inputs import refuse_changed_runs, set_changed_runs_aside
    from seqzoo.grid.plan.expansion import expand
    from seqzoo.grid.plan.preflight import refuse_missing_loggers
    from seqzoo.grid.run.chosen_executor import executor_spec
    from seqzoo.grid.run.place import refuse_run_directory
    from seqzoo.grid.view.dry_run import show_plan
    from seqzoo.report import make_report, print_report, to_json

    registry = seqzoo.load_registry()
    spec = seqzoo.load_spec(file, registry, settings or ())
    if not isinstance(spec, seqzoo.GridSpec):
        raise SpecError(f"{file} is a run, not a grid; seqzoo train {file} --out DIR trains it")
    name = spec.name or file.stem
    if out is not None:
        refuse_run_directory(out)
    doer_spec = executor_spec(executor, workers, registry)
    tuner = None if spec.sampler is None else make_tuner(spec, registry)
    runs = expand(spec, registry) if tuner is None else tuner.written
    cells = (
        (run.spec, label_of(run.variant, dict(run.point)))
        for run in runs
        if out is None or not (run_directory(out, run.run_id) / "record.json").exists()
    )
    if not dry_run and (problems := judge(str(file), cells)):
        raise SpecError(problems)
    refuse_missing_loggers(runs)
    doer: Executor = doer_spec.build()
    plan = make_plan(name, runs, spec.all_variants()) if tuner is None else tuner.plan(name)
    if dry_run:
        specs = {run.run_id: run.spec for run in runs}
        at_a_time: int | None = getattr(doer_spec, "workers", None)
        shown = plan if tuner is None else make_plan(name, runs, spec.all_variants())
        show_plan(
            shown, specs, out, workers=at_a_time, estimate=estimate, as_json=as_json, tuner=tuner
        )
        if out is not None and not rerun_changed:
            refuse_changed_runs(out, registry)
        return
    if out is None:
        raise SpecError("--out is missing: the directory where plan, ledger and runs are kept")
    refuse_lost_runs(out, plan)
    if rerun_changed:
        set_changed_runs_aside(out, registry)
    else:
        refuse_changed_runs(out, registry)
    outcome = run_grid(plan, out, doer, RunJob(), view_for(Console(stderr=True)), tuner)
    report = make_report(out)
    if as_json:
        print(to_json(report), end="")
    else:
        print_report(report, Console(highlight=False))
    refuse_changed_runs(out, registry)  # what changed while the grid was at work
    raise typer.Exit(_status(outcome))


def _refuse_torchrun() -> None:
    """Refuse torchrun: a grid has its own workers, and each process would start another grid.

    Raises:
        SpecError: this is one of several processes that torchrun has started.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size != "1":
        raise SpecError(
            f"seqzoo grid was started as one of {size} processes (WORLD_SIZE={size}), as torchrun "
            "does; start it alone, with --workers N for N runs at a time"
        )


def _status(outcome: Outcome) -> int:
    if outcome.interrupted:
        print(
            f"stopped with {outcome.done} of {counted(outcome.total, 'run')} done; "
            "the same command resumes",
            file=sys.stderr,
        )
        return 130
    return 1 if outcome.failures else 0
