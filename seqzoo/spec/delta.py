"""Set a value at a path of plain data, copying only what lies on the path."""

from __future__ import annotations

from typing import Any

from seqzoo.spec.marks import Location

__all__ = ["placed", "split_path"]


def split_path(path: str) -> Location:
    """`model.layers.0.mixer` -> ("model", "layers", 0, "mixer").

    Raises:
        ValueError: an empty path or an empty step in it.
    """
    steps = path.split(".")
    if not all(step.strip() for step in steps):
        raise ValueError("not a path; write keys joined by dots, such as train.optimizer.lr")
    return tuple(int(step) if step.isdecimal() else step for step in steps)


def placed(data: Any, location: Location, value: Any) -> tuple[Any, Location]:
    """New data with the value at the location, and the location down to its first new key.

    A name on the way becomes the mapping it is short for: `prism` -> `{type: prism}`.

    Raises:
        ValueError: the way leads through a number, or past the end of a list.
    """
    return _placed(data, location, value, 0)


def _placed(data: Any, location: Location, value: Any, depth: int) -> tuple[Any, Location]:
    if depth == len(location):
        return value, location
    step = location[depth]
    if isinstance(data, list):
        if not isinstance(step, int):
            raise ValueError(f"{_named(location[:depth])} is a list; give a number, not '{step}'")
        if step >= len(data):
            raise ValueError(
                f"{_named(location[:depth])} has no item {step}: it has {len(data)}, from 0"
            )
        items = list(data)
        items[step], created = _placed(data[step], location, value, depth + 1)
        return items, created
    if isinstance(data, str):
        data = {"type": data}
    if data is not None and not isinstance(data, dict):
        raise ValueError(f"{_named(location[:depth])} is {data!r}, which has no '{step}'")
    mapping = dict(data or {})
    step = str(step)
    if step in mapping:
        mapping[step], created = _placed(mapping[step], location, value, depth + 1)
        return mapping, created
    mapping[step], _ = _placed(None, location, value, depth + 1)
    return mapping, location[: depth + 1]


def _named(location: Location) -> str:
    return ".".join(map(str, location)) or "the document"
