"""The built-in scan backends, registered like any plugin's."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.registry import hookimpl
from seqzoo.scan.part import AutoScan, ChunkedScan, ReferenceScan, TritonScan
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """`auto`, `chunked`, `triton` and `reference`."""
    for part in (AutoScan, ChunkedScan, TritonScan, ReferenceScan):
        register(part)
