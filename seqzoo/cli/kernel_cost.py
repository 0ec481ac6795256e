"""`seqzoo kernels --cost`: the costs of a scan's kernels on a GPU, without having one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqzoo.errors import SpecError

if TYPE_CHECKING:
    from seqzoo.scan.triton.aot.cost import KernelCost

__all__ = ["count_costs"]

ASKED = ("decay", "gla", "gated-delta", "kda", "prism-2")
"""The problems that are counted if none is named."""


def count_costs(
    targets: list[str] | None, problems: list[str] | None, shape: str | None, *, as_json: bool
) -> None:
    """Prints every kernel of the problems' forward and backward passes, and their sums; beside
    them fla's, where it is installed.

    Args:
        targets: architectures; None is sm_90.
        problems: names of `cost.PROBLEMS`; None is `ASKED`.
        shape: B,T,H,K,V; None is 1,8192,96,128,128.
        as_json: print a row a kernel, and nothing else.

    Raises:
        SpecError: no such target, problem or shape.
    """
    from seqzoo.scan.triton.aot.cost import Shape, costs, total
    from seqzoo.scan.triton.aot.peer_cost import installed, peer_costs

    sizes = Shape() if shape is None else _shape(shape)
    rows: list[KernelCost] = []
    console = Console(highlight=False)
    try:
        for target in targets or ["sm_90"]:
            for problem in problems or ASKED:
                counted = [costs(target, problem, sizes)]
                if installed() and (peers := peer_costs(target, problem, sizes)):
                    counted.append(peers)
                for found in counted:
                    rows += found
                    if not as_json:
                        sums = [total(found, "forward"), total(found, "backward"), total(found)]
                        console.print(_table(found, sums))
    except (ValueError, ImportError) as error:
        raise SpecError(f"kernels --cost: {error}") from None
    if as_json:
        print(json.dumps([_row(row) for row in rows], indent=2))
        return
    console.print(Text(_legend(), style="dim"))


def _shape(text: str) -> Any:
    from seqzoo.scan.triton.aot.cost import Shape

    parts = text.split(",")
    if len(parts) != 5 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise SpecError(
            f"kernels --cost: --shape takes B,T,H,K,V, five positive numbers such as "
            f"1,8192,96,128,128, not {text!r}"
        )
    return Shape(*map(int, parts))


def _row(row: KernelCost) -> dict[str, Any]:
    fields = asdict(row)
    return {name: round(x, 9) if isinstance(x, float) else x for name, x in fields.items()}


def _table(rows: list[KernelCost], sums: list[KernelCost]) -> Table:
    title = f"{rows[0].problem}, {rows[0].target}"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("pass")
    table.add_column("kernel", no_wrap=True)
    for heading in ("k instr", "matrix", "barriers", "KB", "KB moved", "regs", "occ", "ms"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.direction,
            row.kernel.removesuffix("_kernel"),
            *_counts(row),
            str(row.registers),
            f"{row.occupancy:.0%}",
            f"{1e3 * row.seconds:.2f}",
        )
    table.add_section()
    for name, row in zip(("forward", "backward", "both"), sums, strict=True):
        table.add_row(name, row.kernel, *_counts(row), "", "", f"{1e3 * row.seconds:.2f}")
    return table


def _counts(row: KernelCost) -> tuple[str, ...]:
    return (
        f"{row.instructions / 1e3:.1f}",
        f"{row.matrix:.0f}",
        f"{row.barriers:.0f}",
        f"{row.least_bytes / 1e3:.0f}",
        f"{row.moved_bytes / 1e3:.0f}",
    )


def _legend() -> str:
    from seqzoo.scan.triton.aot.gpu_model import ISSUE, LATENCY, LAUNCH

    return (
        "a chunk of 64 tokens and a head: thousands of warp instructions, those of the matrix "
        "unit, barriers, bytes if programs share L2, bytes that programs load and store; ms is the "
        f"whole call by a model (a warp issues once in {LATENCY:.0f} cycles, a multiprocessor at "
        f"most {ISSUE:.0f} a cycle, {1e6 * LAUNCH:.0f} us a launch), not measured"
    )
