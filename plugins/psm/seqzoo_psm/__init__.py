"""Prefix-scannable layers for seqzoo: aggregators, an inference module, and presets of them.

aggregators, actions, inferences   the parts, one folder per family
transformer, folding               what they share
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seqzoo import hookimpl
from seqzoo.spec import Part, Preset
from seqzoo_psm.actions import (
    Action,
    DecayAction,
    DenseAction,
    DiagonalAction,
    HouseholderAction,
    MatrixAction,
    ScalarAction,
)
from seqzoo_psm.aggregators import (
    AffineAggregator,
    MaxPlusAggregator,
    MlpAggregator,
    SoftmaxAggregator,
)
from seqzoo_psm.inferences import SoftmaxInference

__all__ = [
    "Action",
    "AffineAggregator",
    "DecayAction",
    "DenseAction",
    "DiagonalAction",
    "HouseholderAction",
    "MatrixAction",
    "MaxPlusAggregator",
    "MlpAggregator",
    "ScalarAction",
    "SoftmaxAggregator",
    "SoftmaxInference",
    "register_parts",
    "register_presets",
]

PARTS = (
    SoftmaxAggregator,
    MlpAggregator,
    AffineAggregator,
    MaxPlusAggregator,
    ScalarAction,
    DiagonalAction,
    HouseholderAction,
    DenseAction,
    SoftmaxInference,
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Register aggregators, actions and the inference `softmax`."""
    for part in PARTS:
        register(part)


@hookimpl
def register_presets(register: Callable[[Preset | Path], None]) -> None:
    """Register `transformer_psm` and `affine_psm`."""
    register(Path(__file__).parent / "presets")
