"""Test-time-training layers for seqzoo: memories trained by gradient descent as tokens arrive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_ttt import memories, mixers, mlps, optimizers, projections, readouts, rules
from seqzoo_ttt.loss import DotProduct, InnerLoss, LnReconstruction, MeanSquare, Reconstruction
from seqzoo_ttt.memories import (
    LinearMemory,
    Memory,
    MlpMemory,
    ResidualMlpMemory,
    SwigluMemory,
)
from seqzoo_ttt.optimizers import (
    InnerOptimizer,
    LargeChunkOptimizer,
    MomentumOptimizer,
    SgdOptimizer,
)
from seqzoo_ttt.readouts import HeadGatedReadout, LayerNormedReadout
from seqzoo_ttt.rules import DelayedRule, IdealSolverRule, OmegaRule, TttRule

__all__ = [
    "DelayedRule",
    "DotProduct",
    "HeadGatedReadout",
    "IdealSolverRule",
    "InnerLoss",
    "InnerOptimizer",
    "LargeChunkOptimizer",
    "LayerNormedReadout",
    "LinearMemory",
    "LnReconstruction",
    "MeanSquare",
    "Memory",
    "MlpMemory",
    "MomentumOptimizer",
    "OmegaRule",
    "Reconstruction",
    "ResidualMlpMemory",
    "SgdOptimizer",
    "SwigluMemory",
    "TttRule",
    "register_parts",
    "register_presets",
]

LOSSES = (LnReconstruction, Reconstruction, MeanSquare, DotProduct)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register memories, inner losses and optimizers, rules, projections, readouts, mixers,
    MLPs."""
    for folder in (memories, optimizers, rules, projections, readouts, mixers, mlps):
        for exported in folder.__all__:
            part = getattr(folder, exported)
            if isinstance(part, type) and getattr(part, "name", ""):
                register(part)
    for part in LOSSES:
        register(part)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """Register every file of `presets`."""
    register(Path(__file__).parent / "presets")
