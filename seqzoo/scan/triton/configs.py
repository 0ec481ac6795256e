"""How each kernel is cut into programs: tiles, warps and stages, looked up in a small table.

The table is configs.json beside this file, a plain mapping that a person reads and edits:

    kernel -> architecture -> [{"bits": 16, "size": 64, "num_warps": 4, "num_stages": 2,
                                "tiles": {...}}, ...]

Of an architecture's rows those serve a problem that name the bits of its queries, or none. They
stand in rising order of `size`, the largest head size they serve; the last one serves all larger
sizes too. An architecture without such a row takes those of one like it (`architecture.LIKE`), or
the kernel's entry `default`; the interpreter counts as one, `interpreter`. Nothing is ever timed
here: a training loop sees the same choice from its first step to its last. `seqzoo kernels --tune`
measures on a GPU and writes such a table, which
is read in front of the shipped one from $SEQZOO_KERNEL_TABLE or ~/.config/seqzoo/kernels.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from seqzoo.errors import did_you_mean
from seqzoo.scan.triton.architecture import LIKE, architecture_of, capability

DEFAULT = "default"
REGISTERS = 65536
"""What all threads of a program may have together on NVIDIA's, sm_80 to sm_100."""

SHIPPED = Path(__file__).with_name("configs.json")


class HeadSize(NamedTuple):
    """The sizes on which a kernel's configuration depends, beside the architecture.

    Attributes:
        elements: the largest head size of the problem, or what else the rows are ordered by.
        bits: of a number of its largest tensors.
    """

    elements: int
    bits: int

    def __str__(self) -> str:
        return f"{self.elements} x {self.bits} bits"


class Row(NamedTuple):
    """A row of the table: the largest size that it serves, the bits or None for any, and how."""

    size: int
    bits: int | None
    config: Config


@dataclass(frozen=True)
class Config:
    """One way to start a kernel.

    Args:
        num_warps: warps a program.
        num_stages: how deep loads are pipelined.
        tiles: the kernel's tile sizes by the names of its constexpr parameters.
        registers: the most a thread may have, on NVIDIA's; None leaves it to the assembler, which
            may rather spill a few than let fewer programs share a multiprocessor.
    """

    num_warps: int
    num_stages: int
    tiles: Mapping[str, int]
    registers: int | None = None

    def options(self, architecture: str) -> dict[str, int]:
        """Options for Triton's compiler besides the tiles."""
        options = {"num_warps": self.num_warps, "num_stages": self.num_stages}
        if self.registers is not None and capability(architecture) is not None:
            options["maxnreg"] = min(self.registers, REGISTERS // (32 * self.num_warps))
        return options

    def __str__(self) -> str:
        tiles = "".join(f"{name}={size} " for name, size in self.tiles.items())
        most = "" if self.registers is None else f" registers={self.registers}"
        return f"{tiles}warps={self.num_warps} stages={self.num_stages}{most}"


Table = Mapping[str, Mapping[str, list[Row]]]
"""kernel -> architecture -> rows, rising in size."""

_forced: dict[str, Config] = {}
_asked: dict[tuple[str, HeadSize], None] | None = None


def config_for(
    kernel: str, size: HeadSize, device: torch.device, shipped: Path = SHIPPED
) -> Config:
    """The configuration of a kernel for a device.

    Args:
        kernel: its name in the table, that of its function.
        size: of the problem.
        device: where its tensors lie.
        shipped: the table that the kernel comes with; a plugin's kernels have their own.

    Raises:
        LookupError: the table has no entry for the kernel.
    """
    if _asked is not None:
        _asked.setdefault((kernel, size))
    if _forced and kernel in _forced:
        return _forced[kernel]
    return _look_up(kernel, size, architecture_of(device), shipped)


def kernel_named(name: str, tables: Iterable[Path] = (SHIPPED,)) -> str:
    """A kernel's name in the tables, from that or from the one that is printed, without `_kernel`.

    Raises:
        ValueError: there is no such kernel.
    """
    known = [kernel for table in tables for kernel in read_table(table)]
    if name in known:
        return name
    if f"{name}_kernel" in known:
        return f"{name}_kernel"
    hint = did_you_mean(name, (each.removesuffix("_kernel") for each in known))
    raise ValueError(f"no kernel {name!r}; {hint}")


@contextmanager
def config_is(kernel: str, config: Config) -> Iterator[None]:
    """Inside, the kernel is started with `config` whatever the table says; it serves tuning."""
    _forced[kernel] = config
    try:
        yield
    finally:
        del _forced[kernel]


@contextmanager
def note_sizes() -> Iterator[dict[tuple[str, HeadSize], None]]:
    """Inside, each (kernel, size) that is looked up is a key of the mapping, in order."""
    global _asked
    before, _asked = _asked, {}
    try:
        yield _asked
    finally:
        _asked = before


def rows_of(kernel: str, architecture: str, bits: int, shipped: Path = SHIPPED) -> list[Row]:
    """The rows for a kernel on an architecture and numbers of this many bits, in rising order.

    Raises:
        LookupError: no table has an entry for the kernel.
    """
    for table in _tables(shipped):
        architectures = table.get(kernel, {})
        for name in (architecture, LIKE.get(architecture, DEFAULT), DEFAULT):
            rows = [row for row in architectures.get(name, ()) if row.bits in (None, bits)]
            if rows:
                return rows
    raise LookupError(f"{shipped.name} has no configuration for the kernel {kernel!r}")


def user_table() -> Path:
    """Where a table measured on this machine lies."""
    named = os.environ.get("SEQZOO_KERNEL_TABLE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "seqzoo" / "kernels.json"


def read_table(path: Path) -> Table:
    """Reads a table of configurations.

    Raises:
        ValueError: the file is not such a table; names the file and the entry.
    """
    table: dict[str, dict[str, list[Row]]] = {}
    where = str(path)
    try:
        for kernel, architectures in json.loads(path.read_text(encoding="utf-8")).items():
            for architecture, rows in architectures.items():
                where = f"{path}: {kernel}: {architecture}"
                table.setdefault(kernel, {})[architecture] = sorted(
                    (_row(row) for row in rows), key=lambda row: row.size
                )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{where}: not a table of kernel configurations ({error!r}). Each row is "
            '{"bits": 16, "size": 64, "num_warps": 4, "num_stages": 2, "tiles": {"NAME": 32}}; '
            "remove the file to fall back on the shipped table."
        ) from None
    return table


def clear() -> None:
    """Drop cached tables, so that they are read again."""
    _tables.cache_clear()
    _look_up.cache_clear()


def _row(row: Mapping[str, object]) -> Row:
    sizes = row["tiles"]
    needed = {"size", "num_warps", "num_stages", "tiles"}
    if not isinstance(sizes, dict) or set(row) - {"registers", "bits"} != needed:
        raise ValueError(f"a row with {', '.join(row)}")
    most, bits = row.get("registers"), row.get("bits")
    registers = None if most is None else _whole(most)
    warps, stages = _whole(row["num_warps"]), _whole(row["num_stages"])
    config = Config(warps, stages, _tiles(sizes), registers)
    return Row(_whole(row["size"]), None if bits is None else _whole(bits), config)


def _tiles(sizes: Mapping[str, object]) -> Mapping[str, int]:
    return {name: _whole(size) for name, size in sizes.items()}


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{value!r} where a positive whole number belongs")
    return value


@cache
def _tables(shipped: Path) -> tuple[Table, ...]:
    mine = user_table()
    own = read_table(shipped)
    return (read_table(mine), own) if mine.is_file() else (own,)


@cache
def _look_up(kernel: str, size: HeadSize, architecture: str, shipped: Path) -> Config:
    rows = rows_of(kernel, architecture, size.bits, shipped)
    return next((row.config for row in rows if size.elements <= row.size), rows[-1].config)
