"""Short display names for the values of a grid's axes; distinct values have distinct names.

Names are for display only. Runs and cells are identified by resolved values, see `value_key`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from seqzoo.grid.labels import LONGEST, axis_labels, flow

__all__ = ["Labels", "value_key"]


def value_key(value: Any) -> str:
    """The identity of a spec's value: equal only for equal values (2, 2.0 and "2" differ)."""
    return json.dumps(value, sort_keys=True)


class Labels:
    """Display names of values; no two values of an axis share one.

    A mapping is named by its type and the settings that distinguish it from others of that type:
    `mqar num_pairs=4`, `mqar num_pairs=8`. Long texts are shortened, and floats rounded, only as
    far as names stay distinct.
    """

    def __init__(self, points: Iterable[Mapping[str, Any]]) -> None:
        """Name the values that occur in points (axis path -> value)."""
        values: dict[str, dict[str, Any]] = {}
        for point in points:
            for path, value in point.items():
                values.setdefault(path, {}).setdefault(value_key(value), value)
        self._texts = {path: _named(own) for path, own in values.items()}
        self._axes = axis_labels(self._texts)

    def value(self, path: str, value: Any) -> str:
        """The name of a value that occurs on this axis."""
        return self._texts[path][value_key(value)]

    def point(self, point: Mapping[str, Any]) -> str:
        """A point in words: `parity depth=2`; a task is shown by its value alone."""
        words = []
        for path, value in point.items():
            name, text = self._axes[path], self.value(path, value)
            words.append(text if name == "task" else f"{name}={text}")
        return " ".join(words)

    def run(self, variant: str, point: Mapping[str, Any], seed: int) -> str:
        """Variant, point and seed: `linear, parity, seed 0`."""
        return ", ".join(part for part in (variant, self.point(point), f"seed {seed}") if part)


def _named(values: Mapping[str, Any]) -> dict[str, str]:
    """Names by key for all values of an axis; names that collide get more detail."""
    ways = _ways(values)
    level = dict.fromkeys(values, 0)
    while True:
        texts = {key: ways[key][level[key]] for key in values}
        counts = Counter(texts.values())
        alike = [key for key in values if counts[texts[key]] > 1]
        if not alike:
            return texts
        for key in alike:
            level[key] = min(level[key] + 1, len(ways[key]) - 1)


def _ways(values: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The possible names of each value by key, from the shortest to the key itself."""
    settings: dict[str, dict[str, Any]] = {key: _settings(value) for key, value in values.items()}
    types: dict[str, list[str]] = {}
    for key, value in values.items():
        types.setdefault(_type(value), []).append(key)
    ways: dict[str, Sequence[str]] = {}
    for name, keys in types.items():
        varying = _varying([settings[key] for key in keys])
        for key in keys:
            told = {path: entry for path, entry in settings[key].items() if path in varying}
            is_part = isinstance(values[key], Mapping) and (name or told)
            short = _written(name, told, flow) if is_part else flow(values[key])
            precise = _written(name, told, value_key) if is_part else key
            ways[key] = (_head(short), _tail(short), short, precise, key)
    return ways


def _varying(settings: Sequence[Mapping[str, Any]]) -> set[str]:
    """The settings that differ between some of these."""
    return {
        path
        for path in {path for own in settings for path in own}
        if len({value_key(own[path]) if path in own else "" for own in settings}) > 1
    }


def _head(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _tail(text: str) -> str:
    return text if len(text) <= LONGEST else "..." + text[3 - LONGEST :]


def _written(name: str, settings: Mapping[str, Any], write: Callable[[Any], str]) -> str:
    return " ".join([*([name] if name else []), *(f"{k}={write(v)}" for k, v in settings.items())])


def _type(value: Any) -> str:
    """The type of a part, or a text itself; "" for anything else."""
    if isinstance(value, Mapping):
        return flow(value["type"]) if "type" in value else ""
    return value if isinstance(value, str) else ""


def _settings(value: Any) -> dict[str, Any]:
    """The settings of a mapping by dotted path, without its own type."""
    return dict(_leaves("", value)) if isinstance(value, Mapping) else {}


def _leaves(path: str, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, entry in value.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(entry, Mapping) and entry:
            yield from _leaves(inner, entry)
        elif inner != "type":
            yield inner.removesuffix(".type"), entry
