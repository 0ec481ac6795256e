"""`seqzoo train FILE --out DIR`: train one run, or resume it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seqzoo.errors import SpecError
from seqzoo.escape import visible

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's files are kept.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Lay a value over the file's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
) -> None:
    """Train one run; the same command again resumes it from its last checkpoint."""
    from rich.console import Console

    from seqzoo import GridSpec, load_spec
    from seqzoo.train import train
    from seqzoo.train.allocator import keep_freed_memory
    from seqzoo.train.checkpoint import latest, step_of
    from seqzoo.train.distributed import rank_in_torchrun

    spec = load_spec(file, settings=settings or ())
    if isinstance(spec, GridSpec):
        raise SpecError(
            f"{file} is a grid, not a run; seqzoo grid {file} --out {out} does its runs"
        )
    keep_freed_memory()
    try:
        record = train(spec, out, console=Console(stderr=as_json))
    except KeyboardInterrupt:
        saved = latest(out / "checkpoint")
        step = 0 if saved is None else step_of(saved)
        print(f"interrupted; the same command resumes after step {step:,}", file=sys.stderr)
        raise typer.Exit(130) from None
    if rank_in_torchrun() > 0:
        return
    if as_json:
        print(record.model_dump_json(indent=2))
    else:
        print(visible(f"record: {out / 'record.json'}"))
