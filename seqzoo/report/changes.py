"""How two resolved specs differ, path by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Change", "changes", "flat"]


@dataclass(frozen=True)
class Change:
    """One path at which two specs differ.

    Attributes:
        path: dotted, with the index inside lists of parts: `model.layers.0.mixer.depth`.
        kind: `added` if only the second has it, `removed` if only the first.
        before: the first's value, None if it has none.
        after: the second's value, None if it has none.
    """

    path: str
    kind: Literal["changed", "added", "removed"]
    before: Any
    after: Any


def changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    """What to change in the first to get the second, in the first's order, additions last."""
    before, after = flat(first), flat(second)
    found = []
    for path in dict.fromkeys([*before, *after]):
        if path not in after:
            found.append(Change(path, "removed", before[path], None))
        elif path not in before:
            found.append(Change(path, "added", None, after[path]))
        elif before[path] != after[path]:
            found.append(Change(path, "changed", before[path], after[path]))
    return found


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted path -> value, for everything that is no mapping and no list of mappings."""
    return dict(_leaves("", spec))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    inner: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        inner = value
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        inner = dict(enumerate(value))
    if not inner:
        yield path, value
    for key, entry in inner.items():
        yield from _leaves(f"{path}.{key}" if path else str(key), entry)
