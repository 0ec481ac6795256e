"""A recurrent layer taken apart: the content of each slot, in a few words.

Only settings that the preset writes down are shown; all others have their defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from seqzoo.registry.registry import Registry
from seqzoo.spec import PartSpec

__all__ = ["TakenApart", "take_apart", "taken_apart"]

SLOTS = ("injection", "forget", "readout")


@dataclass(frozen=True)
class TakenApart:
    """One layer.

    Attributes:
        name: of the preset.
        plugin: which registers it.
        projections: anchor, and how queries, keys and values are made.
        gates: of the writes and of the erase; "" for none.
        forget: what is kept.
        injection: what is written, beside its projections and gates.
        read: the readout.
    """

    name: str
    plugin: str
    projections: str
    gates: str
    forget: str
    injection: str
    read: str


def taken_apart(registry: Registry, plugin: str | None = None) -> list[TakenApart]:
    """Every preset that fills the slots of a recurrent mixer, by name; from one plugin or all."""
    rows = []
    for entry in registry:
        if entry.family != "mixer" or registry.preset("mixer", entry.name) is None:
            continue
        spec = registry.spec("mixer", entry.name)
        if plugin in (None, entry.origin.plugin) and hasattr(spec, "injection"):
            rows.append(take_apart(entry.name, entry.origin.plugin, spec))
    return rows


def take_apart(name: str, plugin: str, spec: Any) -> TakenApart:
    """The content of each slot of this spec, which has the slots of `recurrent`."""
    gates = dict.fromkeys(
        part.part.name
        for slot in SLOTS
        for part in _parts_below(getattr(spec, slot))
        if part.part.family == "gate" and part.part.name != "none"
    )
    return TakenApart(
        name,
        plugin,
        _projections(spec),
        ", ".join(gates),
        _words(spec.forget, leaving=("gate", "projection")),
        _words(spec.injection, leaving=("gate", "projection")),
        _words(spec.readout),
    )


def _projections(spec: Any) -> str:
    """`q, k: conv 4, silu, unit; v: linear`, after the anchor where there is one."""
    ways: dict[str, list[str]] = {}
    made = [("q", spec.queries)]
    made += [(name[0], part) for name, part in _own_projections(spec.injection)]
    for letter, part in made:
        ways.setdefault(_words(part), []).append(letter)
    told = [f"{', '.join(dict.fromkeys(letters))}: {way}" for way, letters in ways.items()]
    anchor = _words(spec.anchor)
    return "; ".join(([] if anchor == "identity" else [f"anchor {anchor}"]) + told)


def _own_projections(spec: PartSpec) -> Iterator[tuple[str, PartSpec]]:
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, PartSpec) and value.part.family == "projection":
            yield name, value
        elif isinstance(value, PartSpec) and value.part.family == "injection":
            yield from _own_projections(value)


def _parts_below(spec: PartSpec) -> Iterator[PartSpec]:
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if isinstance(value, PartSpec):
            yield value
            yield from _parts_below(value)


def _words(spec: PartSpec, leaving: tuple[str, ...] = ()) -> str:
    """The part's name, and in brackets the settings written for it, without parts of some
    families."""
    told = []
    for name in type(spec).model_fields:
        value = getattr(spec, name)
        if name not in spec.model_fields_set or name in ("type", "epsilon"):
            continue
        if isinstance(value, PartSpec):
            if value.part.family not in leaving and value.part.name != "none":
                told.append(_words(value, leaving))
        elif value is not None:
            told.append(_setting(name, value))
    return f"{spec.part.name} ({', '.join(told)})" if told else spec.part.name


def _setting(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    if isinstance(value, BaseModel):
        return words
    return f"{words} {value:g}" if isinstance(value, float) else f"{words} {value}"
