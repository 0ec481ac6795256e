"""The place of every block in a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqzoo.operators import Place
from seqzoo.spec.model import LayerSpec

__all__ = ["places"]


def places(width: int, layers: Sequence[LayerSpec]) -> list[Place]:
    """The place of each block among all blocks, and among those with the same mixer part."""
    kins = Counter(layer.mixer.part.name for layer in layers)
    seen: Counter[str] = Counter()
    found = []
    for index, layer in enumerate(layers):
        name = layer.mixer.part.name
        found.append(Place(width, index, len(layers), seen[name], kins[name]))
        seen[name] += 1
    return found
