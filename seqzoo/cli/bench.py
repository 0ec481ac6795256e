"""`seqzoo bench`: the costs of mixers by length, in training, prefill and decode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqzoo.errors import RunError, SpecError, counted
from seqzoo.escape import json_text

if TYPE_CHECKING:
    import torch
    from rich.console import Console

__all__ = ["command"]

LENGTHS = "512,1024,2048,4096,8192,16384"


def command(
    mixers: Annotated[
        list[str],
        typer.Argument(metavar="FILE|MIXER...", help="Names, YAML mappings, run or grid files."),
    ],
    lengths: Annotated[
        str,
        typer.Option(
            metavar="T,T,...",
            help="Tokens a sequence; 2K is 2,048.",
            show_default=LENGTHS.partition(",")[0] + " to " + LENGTHS.rpartition(",")[2],
        ),
    ] = LENGTHS,
    width: Annotated[
        int | None, typer.Option(min=1, help="Features a token; 256, or what a file says.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Sequences at a time.")] = 1,
    phases: Annotated[
        list[str] | None,
        typer.Option("--phase", metavar="PHASE", help="training, prefill or decode; repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto for the fastest.")] = "cpu",
    precision: Annotated[
        str, typer.Option(metavar="DTYPE", help="float32, bfloat16 or float16, by autocast.")
    ] = "float32",
    threads: Annotated[
        int | None, typer.Option(min=1, help="torch's, on a CPU; what torch takes by itself.")
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.0, help="Of measuring at each length; every mixer takes three turns at least."
        ),
    ] = 4.0,
    memory: Annotated[
        bool, typer.Option("--memory/--no-memory", help="Measure peak memory too.")
    ] = True,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it: .svg, .png or .pdf.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the machine and versions.")
    ] = False,
) -> None:
    """Measure mixers by length: time, peak memory, tokens a second, in training, prefill, decode.

    `ratio` is a mixer's time over that of its scan and projections alone, repeated on the same
    tensors. All mixers take turns; times are medians. Peak memory is what a call holds beyond the
    mixer and its input; on a CPU it is measured in a separate process.
    """
    import torch
    from rich.console import Console

    import seqzoo
    from seqzoo.bench.measure import Extent, describe_run, measured_rows
    from seqzoo.bench.subject import subjects_of
    from seqzoo.bench.work import Phase, Setting
    from seqzoo.train.allocator import keep_freed_memory

    extent = Extent(_phases(phases, list(Phase)), _lengths(lengths), seconds, 3, memory)
    _check_figure(figure)
    where = _device(device)
    _check_precision(precision, where)
    setting = Setting(batch, where, precision)
    subjects = subjects_of(mixers, seqzoo.load_registry(), width)
    if threads is not None:
        torch.set_num_threads(threads)
    if where.type == "cpu":
        keep_freed_memory()
    status = Console(stderr=True, highlight=False)
    record: dict[str, Any] = {**describe_run(setting), "rows": []}
    groups = measured_rows(subjects, setting, extent, lambda text: status.print(text, style="dim"))
    try:
        for rows in groups:
            record["rows"] += rows
    finally:  # of an interrupted run, what it has
        record["rows"] = sorted(
            record["rows"], key=lambda row: _place(row, [each.name for each in subjects])
        )
        _show(record, as_json=as_json)
        if figure is not None:
            from seqzoo.bench.figure import draw

            draw(record["rows"], figure)
    failed = [row for row in record["rows"] if "skipped" in row]
    if failed and any("no decode" not in row["skipped"] for row in failed):
        raise RunError(f"bench: {counted(len(failed), 'case')} of {len(record['rows'])} failed")


def _place(row: dict[str, Any], names: list[str]) -> tuple[int, int, int]:
    phases = ("training", "prefill", "decode")
    return phases.index(row["phase"]), names.index(row["mixer"]), row["length"]


def _show(record: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json_text(record))
        return
    from rich.console import Console

    from seqzoo.bench.table import print_rows

    console = Console(highlight=False)
    print_rows(console, record["rows"])
    _print_machine(console, record)


def _print_machine(console: Console, record: dict[str, Any]) -> None:
    from seqzoo.escape import rich_text

    device, versions = record["device"], record["versions"]
    busy = record["load_average"]
    load = f", load {busy[0]}" if busy else ""
    console.print(
        rich_text(
            f"{device['name']}, {counted(device['threads'], 'thread')} of {record['cores']} cores"
            f"{load}; torch {versions['torch']}, {record['precision']}, batch {record['batch']}; "
            "medians, all in turns; ratio: over scan and projections alone",
            "dim",
        )
    )


def _lengths(text: str) -> tuple[int, ...]:
    """`512,2K` -> (512, 2048), rising.

    Raises:
        SpecError: not whole numbers above 0.
    """
    found = set()
    for word in text.split(","):
        digits, factor = word.strip(), 1
        if digits[-1:] in ("k", "K"):
            digits, factor = digits[:-1], 1024
        if not digits.isascii() or not digits.isdigit() or int(digits) == 0:
            raise SpecError(
                f"bench: --lengths has '{word.strip()}'; write whole numbers above 0 with commas "
                "between, such as 512,1024 or 1K,16K"
            )
        found.add(int(digits) * factor)
    return tuple(sorted(found))


def _phases(given: list[str] | None, known: list[Any]) -> tuple[Any, ...]:
    from seqzoo.errors import did_you_mean

    for name in given or ():
        if name not in list(map(str, known)):
            raise SpecError(f"bench: no phase '{name}'; {did_you_mean(name, map(str, known))}")
    return tuple(phase for phase in known if not given or str(phase) in given)


def _device(name: str) -> torch.device:
    """The device meant; `auto` is CUDA, else the CPU."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = ["cpu", *(["cuda"] if gpus else []), *(f"cuda:{index}" for index in range(gpus))]
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    if name not in known:
        raise SpecError(
            f"bench: --device {name}: this machine has {', '.join(known)}; auto takes the fastest"
        )
    return torch.device(name)


def _check_precision(name: str, device: torch.device) -> None:
    from seqzoo.errors import did_you_mean
    from seqzoo.train.precision import Precision

    known = ("float32", "bfloat16", "float16")
    if name not in known:
        raise SpecError(f"bench: no precision '{name}'; {did_you_mean(name, known)}")
    try:
        Precision(name, device)
    except SpecError:
        raise SpecError(
            f"bench: {device.type} on this machine cannot compute in {name}; leave --precision out"
        ) from None


def _check_figure(path: Path | None) -> None:
    from seqzoo.bench.figure import FORMATS

    if path is not None and path.suffix.removeprefix(".") not in FORMATS:
        names = ", ".join(f".{name}" for name in FORMATS)
        raise SpecError(f"bench: --figure {path}: expected a file of {names}")
