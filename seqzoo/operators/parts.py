"""The built-in operators, registered like any plugin's."""

from __future__ import annotations

from collections.abc import Callable

from seqzoo.operators import activations, anchors, forgets, injections, predictors, readouts
from seqzoo.registry import hookimpl
from seqzoo.spec import Part

__all__ = ["register_parts"]


@hookimpl
def register_parts(register: Callable[[type[Part]], None]) -> None:
    """Every concrete class of the families' folders."""
    for folder in (anchors, predictors, activations, injections, forgets, readouts):
        for name in folder.__all__:
            part = getattr(folder, name)
            if part.name:
                register(part)
