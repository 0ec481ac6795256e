"""The position of each value of a document: file, line and column, through all deltas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Location", "Mark", "Marks"]

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Mark:
    """A place in a text a person wrote.

    Attributes:
        name: the file, or a command line option such as `--set train.steps=5`.
        line: from 1; 0 where the text has no lines.
        column: from 1.
    """

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name


@dataclass(frozen=True)
class _Layer:
    """What one delta wrote: `source`'s value at `prefix` now stands at `path`.

    `created` is the part of the path that did not exist before, down to its first new key.
    """

    created: Location
    path: Location
    source: Marks
    prefix: Location


@dataclass(frozen=True)
class Marks:
    """Marks of values and of the keys they stand under, by location.

    Attributes:
        values: location -> mark of the value; the document itself is at ().
        keys: location -> mark of the key; list items have none.
    """

    values: Mapping[Location, Mark]
    keys: Mapping[Location, Mark] = field(default_factory=dict)
    _layers: tuple[_Layer, ...] = ()

    def value(self, location: Location) -> Mark:
        """Mark of the value at this location, or of the nearest one around it."""
        for layer in reversed(self._layers):
            if location[: len(layer.created)] == layer.created:
                if location[: len(layer.path)] == layer.path:
                    return layer.source.value(layer.prefix + location[len(layer.path) :])
                return layer.source.path_key(layer.prefix)
        while location and location not in self.values:
            location = location[:-1]
        return self.values.get(location, Mark(""))

    def key(self, location: Location) -> Mark:
        """Mark of the key of this location, or of the value if it has no key."""
        for layer in reversed(self._layers):
            if location[: len(layer.created)] == layer.created:
                if len(location) > len(layer.path):
                    if location[: len(layer.path)] == layer.path:
                        return layer.source.key(layer.prefix + location[len(layer.path) :])
                    return self.value(location)
                return layer.source.path_key(layer.prefix)
        return self.keys.get(location) or self.value(location)

    def path_key(self, location: Location) -> Mark:
        """Mark of the key that a delta's path is written as; all values of an axis share it."""
        for layer in reversed(self._layers):
            if location[: len(layer.created)] == layer.created:
                inside = location[: len(layer.path)] == layer.path
                rest = location[len(layer.path) :] if inside else ()
                return layer.source.path_key(layer.prefix + rest)
        while location:
            if location in self.keys:
                return self.keys[location]
            location = location[:-1]
        return self.value(())

    def overlaid(
        self, created: Location, path: Location, source: Marks, prefix: Location = ()
    ) -> Marks:
        """These marks after a delta put `source`'s value at `prefix` to `path`."""
        return replace(self, _layers=(*self._layers, _Layer(created, path, source, prefix)))
