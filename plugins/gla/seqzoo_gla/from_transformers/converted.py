"""The result of a converter: a mixer's spec and its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seqzoo.errors import SpecError

__all__ = ["Converted", "Converter", "refuse_unless"]


@dataclass(frozen=True)
class Converted:
    """A module in seqzoo's terms.

    Attributes:
        spec: of the mixer, as YAML would say it: a preset with changes, or a part.
        width: D.
        weights: the mixer's whole state_dict.
    """

    spec: Mapping[str, Any]
    width: int
    weights: Mapping[str, Tensor]


Converter = Callable[[Any], Converted]
"""Reads a module of transformers; raises SpecError where its settings have no counterpart."""


def refuse_unless(holds: bool, module: Any, why: str) -> None:
    """Refuse a module whose settings no mixer has.

    Raises:
        SpecError: `holds` is false; the message is the module's class, and `why`.
    """
    if not holds:
        raise SpecError(f"from_transformers cannot convert this {type(module).__name__}: {why}")
