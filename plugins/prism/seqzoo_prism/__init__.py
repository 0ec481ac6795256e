"""PRISM, Parallel Residual Iterative Sequence Model (arXiv 2602.10796), for seqzoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_prism.concatenated import ConcatenatedInjection
from seqzoo_prism.dense_mom import DenseMom
from seqzoo_prism.floored_decay import FlooredDecay
from seqzoo_prism.grouped_mom import GroupedMom
from seqzoo_prism.normalised_delta import NormalisedDelta
from seqzoo_prism.probes import AnchorError, IdealSolver, ResidualEnergy
from seqzoo_prism.product_mlp import ProductMlpReadout
from seqzoo_prism.released import RELEASED_TASKS
from seqzoo_prism.residual_refinement import ResidualRefinement
from seqzoo_prism.routed_memories import RoutedMemories
from seqzoo_prism.step_gains import StepGains

__all__ = ["register_parts", "register_presets"]

PARTS: tuple[type[Part], ...] = (
    AnchorError,
    ConcatenatedInjection,
    DenseMom,
    FlooredDecay,
    GroupedMom,
    IdealSolver,
    NormalisedDelta,
    ProductMlpReadout,
    ResidualEnergy,
    ResidualRefinement,
    RoutedMemories,
    StepGains,
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register the parts of PRISM's published variants, its probes, and Table 4's tasks and
    baseline."""
    for part in (*PARTS, *RELEASED_TASKS):
        register(part)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """Register `prism` and its ablations, the released variants, and the baselines of Table 4."""
    register(Path(__file__).parent / "presets")
