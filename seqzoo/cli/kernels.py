"""`seqzoo kernels`: every kernel compiled ahead of time, no GPU needed; or tuned on one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqzoo.errors import RunError, SpecError, counted
from seqzoo.escape import json_text

if TYPE_CHECKING:
    from seqzoo.registry import Registry
    from seqzoo.scan.triton.aot.compile import Compiled

__all__ = ["command", "modules_of_kernels"]


def command(
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="ARCH", help="sm_80, sm_86, sm_90, gfx942, ...; sm_90."),
    ] = None,
    kernel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the kernel of this name.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one row per variant.")
    ] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Search on this machine's GPU, and write a table.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --tune: the table, in place of yours.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="With --tune: stop after this many minutes.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="With --tune: how many searches, slowest first; 12."),
    ] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Count instructions, bytes and the time they predict.")
    ] = False,
    problems: Annotated[
        list[str] | None,
        typer.Option("--problem", metavar="NAME", help="With --cost: decay, gla, kda, ...; five."),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(metavar="B,T,H,K,V", help="With --cost: 1,8192,96,128,128."),
    ] = None,
) -> None:
    """Compile every kernel ahead of time: registers, spills, shared memory, matrix instructions.

    Fails if a kernel does not compile, needs more shared memory than the target has, or spills
    registers on sm_80, sm_90, sm_100 or gfx942; on other targets spills are reported. With --tune
    it searches for faster tiles, warps and stages on a GPU instead; each candidate is checked
    against the reference, and winners are written at once. With --cost it counts the instructions
    of every kernel in a call, forward and backward, and predicts times with a simple GPU model.
    """
    if cost:
        if tune or kernel is not None:
            raise SpecError("kernels: --cost counts a whole call; leave out --tune and --kernel")
        from seqzoo.cli.kernel_cost import count_costs

        count_costs(targets, problems, shape, as_json=as_json)
        return
    if problems or shape is not None:
        raise SpecError("kernels: --problem and --shape go with --cost")
    if tune:
        if targets:
            raise SpecError("kernels: --tune tunes for this machine's own GPU; leave --target out")
        from seqzoo.cli.kernel_tuning import TOP, tune_kernels

        tune_kernels(kernel, out, minutes, top or TOP, as_json=as_json)
        return
    if out is not None or minutes is not None or top is not None:
        raise SpecError("kernels: --out, --minutes and --top go with --tune")
    import seqzoo
    from seqzoo.scan.triton.aot.compile import compile_catalogue

    plugins = modules_of_kernels(seqzoo.load_registry())
    try:
        rows = sorted(
            compile_catalogue(targets or ["sm_90"], kernel, plugins=plugins),
            key=lambda row: (row.kernel, row.target, row.config, row.variant),
        )
    except (ValueError, ImportError) as error:
        raise SpecError(f"kernels: {error}") from None
    if as_json:
        print(json_text([_row(row) for row in rows]))
    else:
        console = Console(highlight=False)
        console.print(_table(rows))
        console.print(
            Text(
                f"{counted(len(rows), 'variant')}; the largest figures of each; "
                "KiB of shared memory",
                style="dim",
            )
        )
    failed = [row for row in rows if row.failure]
    if failed:
        lines = [
            f"{row.kernel} for {row.target} ({row.config}; {row.variant}): {row.failure}"
            for row in failed
        ]
        raise RunError(*lines, f"{len(failed)} of {counted(len(rows), 'variant')} failed")


def modules_of_kernels(registry: Registry) -> list[str]:
    """The modules in which plugins' parts have kernels of their own."""
    targets = (entry.target for entry in registry)
    return sorted({target.kernels for target in targets if isinstance(target, type)} - {""})


def _row(row: Compiled) -> dict[str, Any]:
    return {
        "kernel": row.kernel,
        "target": row.target,
        "config": row.config,
        "variant": row.variant,
        "registers": row.registers,
        "spill_bytes": row.spill_bytes,
        "shared_bytes": row.shared_bytes,
        "shared_limit": row.shared_limit,
        "matrix_instructions": row.matrix_instructions,
        "error": row.failure,
    }


def _table(rows: list[Compiled]) -> Table:
    """One line per configuration: the largest figures among its variants."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("kernel", no_wrap=True)
    table.add_column("target", no_wrap=True)
    table.add_column("config", overflow="fold")
    for heading in ("regs", "spill", "KiB", "matrix"):
        table.add_column(heading, justify="right")
    grouped: dict[tuple[str, str, str], list[Compiled]] = {}
    for row in rows:
        grouped.setdefault((row.kernel, row.target, row.config), []).append(row)
    for (kernel, target, config), variants in grouped.items():
        bad = any(row.failure for row in variants)
        table.add_row(
            Text(kernel.removesuffix("_kernel"), style="red" if bad else ""),
            target,
            config,
            str(max(row.registers for row in variants)),
            str(max(row.spill_bytes for row in variants)),
            f"{max(row.shared_bytes for row in variants) / 1024:.1f}",
            str(max(row.matrix_instructions for row in variants)),
        )
    return table
