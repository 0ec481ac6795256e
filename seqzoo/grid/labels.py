"""One-line names of a grid's runs: variant, point, seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "LONGEST",
    "axis_label",
    "axis_labels",
    "flow",
    "point_label",
    "run_label",
    "tried_label",
    "tuned_label",
    "value_label",
]

LONGEST = 40


def value_label(value: Any) -> str:
    """A value in YAML's short form, in at most 40 characters.

    >>> value_label({"type": "parity", "length": 64})
    'parity length=64'
    """
    text = flow(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def flow(value: Any) -> str:
    """The same at any length; numbers have six digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        rest = [f"{key}={flow(entry)}" for key, entry in value.items() if key != "type"]
        return " ".join([flow(value["type"]), *rest] if "type" in value else rest)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(entry) for entry in value) + "]"
    return str(value)


def tuned_label(value: Any) -> str:
    """A value drawn by a sampler, shortened; plan and records keep every digit.

    >>> tuned_label(0.0037088672867), tuned_label(3)
    ('0.003709', '3')
    """
    return value_label(float(f"{value:.4g}") if isinstance(value, float) else value)


def tried_label(values: Mapping[str, Any]) -> str:
    """The values that a trial tries, or that a run of the comparison was given.

    >>> tried_label({"train.optimizer.lr": 0.0037088672867})
    'lr=0.003709'
    """
    names = axis_labels(values)
    return " ".join(f"{names[path]}={tuned_label(value)}" for path, value in values.items())


def axis_label(path: str) -> str:
    """The last informative word of an axis' path.

    >>> axis_label("model.mixer.depth"), axis_label("task.type")
    ('depth', 'task')
    """
    return _words(path)[-1]


def _words(path: str) -> list[str]:
    return [word for word in path.split(".") if word != "type"] or [path]


def axis_labels(paths: Iterable[str]) -> dict[str, str]:
    """Path -> its label: as many of its last words as distinguish it from the other paths.

    >>> axis_labels(["model.width", "model.mixer.heads", "model.mlp.heads"])
    {'model.width': 'width', 'model.mixer.heads': 'mixer.heads', 'model.mlp.heads': 'mlp.heads'}
    """
    words = {path: _words(path) for path in paths}

    def label(path: str) -> str:
        for size in range(1, len(words[path]) + 1):
            last = words[path][-size:]
            if sum(others[-size:] == last for others in words.values()) == 1:
                return ".".join(last)
        return path

    return {path: label(path) for path in words}


def point_label(point: Mapping[str, Any]) -> str:
    """The label of a point of the axes; a task is named by its value alone.

    >>> point_label({"task.type": "parity", "model.mixer.depth": 2})
    'parity depth=2'
    """
    words, names = [], axis_labels(point)
    for path, value in point.items():
        name = names[path]
        words.append(value_label(value) if name == "task" else f"{name}={value_label(value)}")
    return " ".join(words)


def run_label(variant: str, point: Mapping[str, Any], seed: int) -> str:
    """Variant, point and seed.

    >>> run_label("linear", {"task.type": "parity"}, 0)
    'linear, parity, seed 0'
    """
    return ", ".join(part for part in (variant, point_label(point), f"seed {seed}") if part)
