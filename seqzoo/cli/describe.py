"""`seqzoo describe`: a model's costs, and its layers in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seqzoo.errors import SpecError
from seqzoo.escape import json_text

__all__ = ["command"]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A run or a grid.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the spec.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a model's parameters, state, FLOPs a token, and its recurrence in words.

    For a grid, every distinct model is described under the name of its first run.
    """
    import seqzoo
    from seqzoo.cli.describing import describe, print_descriptions
    from seqzoo.cli.judging import judge
    from seqzoo.grid.plan.expansion import expand
    from seqzoo.spec.run import RunSpec

    registry = seqzoo.load_registry()
    spec = seqzoo.load_spec(file, registry, settings=settings or ())
    if isinstance(spec, RunSpec):
        runs = {spec.name or file.stem: spec}
    else:
        runs = {}
        seen = set()
        for planned in expand(spec, registry):
            model = planned.spec.model, planned.spec.task
            if model not in seen:
                seen.add(model)
                point = ", ".join(f"{path}={value}" for path, value in planned.point.items())
                name = " ".join(part for part in (planned.variant, point) if part)
                runs[name or file.stem] = planned.spec
    cells = ((run, name if len(runs) > 1 else "") for name, run in runs.items())
    if problems := judge(str(file), cells):
        raise SpecError(problems)
    described: list[dict[str, Any]] = [describe(name, run, registry) for name, run in runs.items()]
    if as_json:
        print(json_text(described))
        return
    print_descriptions(described)
