"""The table that tuning writes, row by row, and beside it which searches are done."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from seqzoo.files import write_whole
from seqzoo.scan.triton import configs
from seqzoo.scan.triton.configs import Config, HeadSize, Row, read_table, rows_of


class TunedTable:
    """A table of configurations on disk that only grows better.

    Args:
        path: the table; `path`.done beside it names the finished searches, a line each.

    Raises:
        ValueError: the file is there and is no table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done_path = path.with_name(path.name + ".done")
        self._table = {
            kernel: {architecture: list(rows) for architecture, rows in architectures.items()}
            for kernel, architectures in (read_table(path) if path.is_file() else {}).items()
        }

    def keep(self, kernel: str, architecture: str, size: HeadSize, config: Config) -> None:
        """Writes a row, whole or not at all. Larger sizes keep the row that served them."""
        of_kernel = self._table.setdefault(kernel, {})
        served = rows_of(kernel, architecture, size.bits)
        others = [
            row for row in of_kernel.get(architecture, ()) if row.bits not in (None, size.bits)
        ]
        rows = [row._replace(bits=size.bits) for row in served if row.size != size.elements]
        rows.append(Row(size.elements, size.bits, config))
        of_kernel[architecture] = sorted([*others, *rows], key=lambda row: row.size)
        plain = {
            name: {
                at: [{"bits": row.bits, "size": row.size, **asdict(row.config)} for row in rows]
                for at, rows in architectures.items()
            }
            for name, architectures in self._table.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(plain, indent=2) + "\n")
        configs.clear()

    def is_done(self, kernel: str, architecture: str, size: HeadSize) -> bool:
        """Whether a search was finished, in this process or an earlier one."""
        line = _line(kernel, architecture, size)
        return self.done_path.is_file() and line in self.done_path.read_text().splitlines()

    def finish(self, kernel: str, architecture: str, size: HeadSize) -> None:
        """Marks a search as finished."""
        self.done_path.parent.mkdir(parents=True, exist_ok=True)
        with self.done_path.open("a", encoding="utf-8") as file:
            file.write(_line(kernel, architecture, size) + "\n")


def _line(kernel: str, architecture: str, size: HeadSize) -> str:
    return f"{kernel} {architecture} {size.elements} {size.bits}"
