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
from seqzoo.overhang import overhang

if TYPE_CHECKING:
    from seqzoo.scan.triton.aot.cost import KernelCost

__all__ = ["count_costs"]

ASKED = ("decay", "gla", "gated-delta", "kda", "prism-2")
"""The problems counted if none is named."""


def count_costs(
    targets: list[str] | None, problems: list[str] | None, shape: str | None, *, as_json: bool
) -> None:
    """Print every kernel of the problems' forward and backward passes, with totals; beside them
    fla's kernels if it is installed.

    Args:
        targets: architectures; None is sm_90.
        problems: names of `cost.PROBLEMS`; None is `ASKED`.
        shape: B,T,H,K,V; None is 1,8192,96,128,128.
        as_json: print one row per kernel, and nothing else.

    Raises:
        SpecError: no such target, problem or shape.
    """
    from seqzoo.scan.triton.aot.cost import Shape, costs
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
                        console.print(cost_table(found, console))
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


def cost_table(found: list[KernelCost], console: Console) -> Table:
    """One line per kernel and a sum per pass; names are cut in the middle to fit the console."""
    table = _table(found)
    if over := overhang(table, console):
        longest = max(len(_name(row)) for row in found)
        table = _table(found, max(longest - over, len("forward, 9 launches")))
    return table


def _table(found: list[KernelCost], room: int | None = None) -> Table:
    from seqzoo.scan.triton.aot.cost import total

    title = f"{found[0].problem}, {found[0].target}"
    table = Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("\nkernel", no_wrap=True)
    for heading in (
        "k\ninstr", "\nmatrix", "\nbarriers", "\nKB", "KB\nmoved", "\nregs", "\nocc", "\nms",
    ):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)

    def add_sum(name: str, row: KernelCost) -> None:
        table.add_section()
        table.add_row(f"{name}, {row.kernel}", *_counts(row), "", "", f"{1e3 * row.seconds:.2f}")
        table.add_section()

    for direction in ("forward", "backward"):
        for row in found:
            if row.direction == direction:
                table.add_row(
                    _shortened(_name(row), room),
                    *_counts(row),
                    str(row.registers),
                    f"{row.occupancy:.0%}",
                    f"{1e3 * row.seconds:.2f}",
                )
        add_sum(direction, total(found, direction))
    add_sum("both", total(found))
    return table


def _name(row: KernelCost) -> str:
    """Without `kernel`, which fla has inside its names."""
    return row.kernel.replace("_kernel", "")


def _shortened(name: str, room: int | None) -> str:
    """At most `room` characters, of which most are the end's: there fla's names differ."""
    if room is None or len(name) <= room:
        return name
    head = (room - 1) // 3
    return f"{name[:head]}…{name[len(name) - (room - 1 - head) :]}"


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
