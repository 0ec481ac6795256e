"""Gated linear attention and its kin, for seqzoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_gla import backends, decaying, delta, elementwise
from seqzoo_gla.from_transformers import from_transformers

__all__ = ["from_transformers", "register_parts", "register_presets"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register the parts of each folder."""
    for room in (decaying, delta, elementwise, backends):
        for part in room.PARTS:
            register(part)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """Register every preset in `presets/`."""
    register(Path(__file__).parent / "presets")
