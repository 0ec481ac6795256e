"""The base class of a recurrent mixer's operators.

Shapes: B batch, T time, D width, H heads, G key heads, K key size, V value size, R write rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from seqzoo.operators.hints import Hint
from seqzoo.operators.stream import Carrier
from seqzoo.spec import Part, PartSpec

__all__ = ["Operator"]


class Operator(Part, Carrier):
    """A part with parameters. Its family says what it is built from and what `forward` takes.

    Attributes:
        hints: how optimizers should treat own parameters and submodules, by name; see `Hint`. Any
            module may have it.
    """

    hints: ClassVar[Mapping[str, Hint]] = {}

    def __init__(self, spec: PartSpec, *arguments: Any) -> None:
        super().__init__()
