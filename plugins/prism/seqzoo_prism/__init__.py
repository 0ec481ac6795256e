"""PRISM, Parallel Residual Iterative Sequence Model (arXiv 2602.10796), for seqzoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_prism.concatenated import ConcatenatedInjection
from seqzoo_prism.dense_mom import DenseMom
from seqzoo_prism.floored_decay import FlooredDecay
from seqzoo_prism.normalised_delta import NormalisedDelta
from seqzoo_prism.probes import AnchorError, IdealSolver, ResidualEnergy
from seqzoo_prism.product_mlp import ProductMlpReadout
from seqzoo_prism.released import RELEASED_TASKS
from seqzoo_prism.residual_refinement import ResidualRefinement
from seqzoo_prism.step_gains import StepGains

__all__ = ["register_parts", "register_presets", "register_tasks"]

PARTS: tuple[type[Part], ...] = (
    AnchorError,
    ConcatenatedInjection,
    DenseMom,
    FlooredDecay,
    IdealSolver,
    NormalisedDelta,
    ProductMlpReadout,
    ResidualEnergy,
    ResidualRefinement,
    StepGains,
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """What PRISM's published variants are composed of, a baseline of its Table 4, probes."""
    for part in PARTS:
        register(part)


@hookimpl
def register_tasks(register: Callable[[type[Part]], None]) -> None:
    """The nine released generators of Table 4."""
    for task in RELEASED_TASKS:
        register(task)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """`prism` and its ablations, the variants as released, and the baselines of Table 4."""
    register(Path(__file__).parent / "presets")
