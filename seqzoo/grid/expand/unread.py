"""Settings of a run that nothing reads, as the spec alone shows.

A pattern of layers in which every group names its own mixer does not read `model.mixer`; one in
which every group has its own `mlp` does not read `model.mlp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqzoo.spec.marks import Location
from seqzoo.spec.run import RunSpec

__all__ = ["Unread", "unread_in"]


@dataclass(frozen=True)
class Unread:
    """A place of a run that nothing reads, and why."""

    path: Location
    why: str

    def covers(self, path: Location) -> bool:
        """Whether a path leads to it or inside it."""
        return path[: len(self.path)] == self.path


def unread_in(spec: RunSpec) -> Iterator[Unread]:
    """The places of a run that nothing reads."""
    groups = () if isinstance(spec.model.layers, int) else spec.model.layers
    if groups and all(group.mixer is not None for group in groups):
        yield Unread(("model", "mixer"), "every group of model.layers names its own mixer")
    if groups and all("mlp" in group.model_fields_set for group in groups):
        yield Unread(("model", "mlp"), "every group of model.layers has its own mlp")
