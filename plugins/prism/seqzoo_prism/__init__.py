"""PRISM, Parallel Residual Iterative Sequence Model (arXiv 2602.10796), for seqzoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_prism.released import RELEASED_TASKS
from seqzoo_prism.residual_refinement import ResidualRefinement

__all__ = ["ResidualRefinement", "register_parts", "register_presets", "register_tasks"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """The injection `residual_refinement`."""
    register(ResidualRefinement)


@hookimpl
def register_tasks(register: Callable[[type[Part]], None]) -> None:
    """The nine released generators of Table 4."""
    for task in RELEASED_TASKS:
        register(task)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """`prism` and its four ablations (Table 3 of the paper)."""
    register(Path(__file__).parent / "presets")
