"""Test-time-training layers for seqzoo: memories that gradient descent changes as tokens come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_ttt.loss import DotProduct, InnerLoss, LnReconstruction, Reconstruction
from seqzoo_ttt.memory import LinearMemory, Memory, MlpMemory
from seqzoo_ttt.readout import LayerNormedReadout
from seqzoo_ttt.rule import TttRule
from seqzoo_ttt.rules import IdealSolverRule

__all__ = [
    "DotProduct",
    "IdealSolverRule",
    "InnerLoss",
    "LayerNormedReadout",
    "LinearMemory",
    "LnReconstruction",
    "Memory",
    "MlpMemory",
    "Reconstruction",
    "TttRule",
    "register_parts",
    "register_presets",
]

PARTS = (
    TttRule,
    IdealSolverRule,
    LinearMemory,
    MlpMemory,
    LnReconstruction,
    Reconstruction,
    DotProduct,
    LayerNormedReadout,
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """The rule `ttt`, its memories and losses, and the readout `layer_normed`."""
    for part in PARTS:
        register(part)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """`ttt-linear`, `ttt-mlp`."""
    register(Path(__file__).parent / "presets")
