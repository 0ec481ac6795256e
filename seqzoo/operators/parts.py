"""The built-in operators, registered like any plugin's."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.operators import (
    activations,
    aggregators,
    anchors,
    encoders,
    forgets,
    gates,
    inferences,
    injections,
    norms,
    predictors,
    projections,
    readouts,
    rules,
)
from seqzoo.registry import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]

FOLDERS = (
    activations,
    aggregators,
    anchors,
    encoders,
    forgets,
    gates,
    inferences,
    injections,
    norms,
    predictors,
    projections,
    readouts,
    rules,
)


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Every concrete class of the families' folders."""
    for folder in FOLDERS:
        for exported in folder.__all__:
            part = getattr(folder, exported)
            if isinstance(part, type) and getattr(part, "name", ""):
                register(part)
