"""What a part knows when it is built: its place in the model and its mixer's sizes."""

from __future__ import annotations

from dataclasses import dataclass

from seqzoo.scan.part import ScanPart

__all__ = ["ChunkDims", "Dims", "Place"]


@dataclass(frozen=True)
class Place:
    """Where a part stands in the model. A mixer used alone is the only layer of its model.

    Attributes:
        width: D, features a token.
        layer: index of its block, from 0.
        layers: number of blocks.
        kin: index of its block among those whose mixer is the same part, from 0.
        kins: number of such blocks.
    """

    width: int
    layer: int = 0
    layers: int = 1
    kin: int = 0
    kins: int = 1


@dataclass(frozen=True)
class Dims:
    """Sizes of the mixer that an operator serves.

    Attributes:
        place: where the mixer stands.
        heads: H, heads of values, decays and the state.
        key_size: K, features of a key or query, per head.
        value_size: V, features of a value, per head.
        key_heads: G, heads of queries, keys and the erase; H is a multiple of G, and head h reads
            key head h // (H // G). 0 stands for H.
        scan: the mixer's choice of a backend, for operators that scan too; None where the mixer
            makes no choice, and the fastest backend is used.
    """

    place: Place
    heads: int
    key_size: int
    value_size: int
    key_heads: int = 0
    scan: ScanPart | None = None

    def __post_init__(self) -> None:
        if not self.key_heads:
            object.__setattr__(self, "key_heads", self.heads)
        if self.heads % self.key_heads:
            raise ValueError(
                f"{self.heads} heads are not a multiple of {self.key_heads} key heads; each key "
                "head serves the same number of heads"
            )

    @property
    def width(self) -> int:
        """D, features a token."""
        return self.place.width


@dataclass(frozen=True)
class ChunkDims:
    """Sizes of the mixer that works on chunks of tokens.

    Attributes:
        place: where the mixer stands.
        chunk: C, tokens of a chunk.
    """

    place: Place
    chunk: int

    @property
    def width(self) -> int:
        """D, features a token."""
        return self.place.width
