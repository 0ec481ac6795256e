"""The differences between two resolved specs, path by path."""

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
    """The changes from the first spec to the second, in the first's order, additions last."""
    return list(_changes("", first, second))


def _changes(path: str, first: Any, second: Any) -> Iterator[Change]:
    if first == second:
        return
    before, after = _entries(first), _entries(second)
    if path and not (before and after):
        yield from (Change(where, "removed", value, None) for where, value in _leaves(path, first))
        yield from (Change(where, "added", None, value) for where, value in _leaves(path, second))
        return
    for key in dict.fromkeys([*before, *after]):
        inner = _joined(path, key)
        if key not in after:
            for where, value in _leaves(inner, before[key]):
                yield Change(where, "removed", value, None)
        elif key not in before:
            for where, value in _leaves(inner, after[key]):
                yield Change(where, "added", None, value)
        elif _entries(before[key]) or _entries(after[key]):
            yield from _changes(inner, before[key], after[key])
        elif before[key] != after[key]:
            yield Change(inner, "changed", before[key], after[key])


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten a spec: the leaves by dotted path."""
    return dict(_leaves("", spec))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    entries = _entries(value)
    if not entries:
        yield path, value
    for key, entry in entries.items():
        yield from _leaves(_joined(path, key), entry)


def _entries(value: Any) -> Mapping[Any, Any]:
    """The entries of a mapping or a list of parts; empty for anything else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        return dict(enumerate(value))
    return {}


def _joined(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
