"""A preset of a whole pattern of layers: named groups, which a user changes by their names.

The preset's file has `family: layers`, and its spec is a mapping of groups in their order:

    spec:
      linear: {repeat: 3, mixer: kda}
      attention: {mixer: {type: attention, rotary: null}}

In a run, `layers: {preset: kimi-linear, repeat: 6}` repeats the pattern six times. A mapping under
a group's name is merged into the group, like changes of a mixer's preset; null leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from seqzoo.errors import did_you_mean
from seqzoo.spec.part import validation_error
from seqzoo.spec.preset import merged
from seqzoo.spec.slot import Catalog

__all__ = ["FAMILY", "Pattern", "expanded_pattern"]

FAMILY = "layers"
"""The family of such presets; no part is of it."""


@dataclass(frozen=True)
class Pattern:
    """A preset with its changes.

    Attributes:
        groups: by name, each as a group of a plain pattern is written.
        repeat: how many times the groups follow each other.
        errors: problems of the changes, as rows of `ValidationError.errors()`.
    """

    groups: Mapping[str, Any]
    repeat: int
    errors: tuple[dict[str, Any], ...] = ()


def expanded_pattern(written: Mapping[str, Any], catalog: Catalog | None) -> Pattern:
    """The pattern of `{preset: NAME, repeat: N, GROUP: changes}`.

    Raises:
        PydanticCustomError: no catalog.
        pydantic.ValidationError: no such preset, located inside `written`.
    """
    if catalog is None:
        raise PydanticCustomError(
            "no_catalog",
            "layers are looked up in a registry, and none was given",
            {"hint": "validate with seqzoo.load_spec or Registry.validate"},
        )
    name = written["preset"]
    preset = catalog.preset(FAMILY, name) if isinstance(name, str) else None
    if preset is None:
        known = catalog.names(FAMILY)
        message = "unknown preset of layers '{name}'"
        context = {"name": str(name), "hint": did_you_mean(str(name), known)}
        error = _error("unknown_part", message, ("preset",), name, context)
        raise validation_error("layers", [error])
    errors, groups = [], dict(preset.spec)
    for key, change in written.items():
        if key in ("preset", "repeat"):
            continue
        if key not in preset.spec:
            known = ["repeat", *preset.spec]
            context = {"key": key, "own": name, "hint": did_you_mean(key, known), "known": known}
            message = "no group '{key}' in the layers of '{own}'"
            errors.append(_error("unknown_key", message, (key,), change, context))
        elif change is None:
            del groups[key]
        else:
            groups[key] = merged(preset.spec[key], change)
    repeat = written.get("repeat", 1)
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
        errors.append(_error("greater_than", "", ("repeat",), repeat, {"gt": 0}))
        repeat = 1
    if not groups:
        message = "every group of '{own}' is left out; keep one"
        errors.append(_error("bad_layers", message, (), written, {"own": name}))
    return Pattern(groups, repeat, tuple(errors))


def _error(
    kind: str, message: str, location: tuple[str, ...], value: Any, context: Mapping[str, Any]
) -> dict[str, Any]:
    return {"type": kind, "msg": message, "loc": location, "input": value, "ctx": dict(context)}
