"""Gated linear attention and its kin, for seqzoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_gla.mamba_decay import MambaDecay

__all__ = ["MambaDecay", "register_parts", "register_presets"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """The decay `mamba_decay`."""
    register(MambaDecay)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """`linear_attention`, `gated_deltanet`."""
    register(Path(__file__).parent / "presets")
