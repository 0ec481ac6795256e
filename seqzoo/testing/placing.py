"""Find a mixer in which a part can be tested, with the part in one of its slots.

No family is hard-coded. A mixer's Spec declares its slots, and so do the Specs of the parts that
fill them by default; a part is tried in every slot of its family until one accepts it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch

from seqzoo.errors import SpecError
from seqzoo.model.mixer import Mixer
from seqzoo.operators import Place
from seqzoo.registry import Registry
from seqzoo.spec import PartSpec
from seqzoo.spec.slot import SLOT_KEY

__all__ = ["NoPlaceError", "has_a_slot", "place_part", "slots_of"]

DELTA_WRITES = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}

BASES: tuple[dict[str, Any], ...] = (
    {"type": "recurrent"},
    {"type": "recurrent", "injection": DELTA_WRITES},
    {"type": "recurrent", "injection": DELTA_WRITES, "forget": "gated_delta"},
    {"type": "prefix"},
)
"""The mixers tried first: one with writes that an erase can be tied to, one with an erase, and the
cheapest one with an aggregator."""

DEEPEST = 3


class NoPlaceError(LookupError):
    """No registered mixer has a slot that takes the part."""


def place_part(registry: Registry, family: str, name: str, width: int = 32) -> dict[str, Any]:
    """The spec of a mixer that holds the part; for a mixer its own.

    Raises:
        NoPlaceError: no mixer has a slot for it, or each refuses it; the message holds the last
            refusal.
    """
    if family == "mixer":
        return {"type": name}
    refusal = f"no registered mixer has a slot for family '{family}'"
    for base, path in _places(registry, family):
        written = _with(base, path, name)
        try:
            mixer: Mixer = registry.spec("mixer", written).build(Place(width))
        except (SpecError, ValueError) as failure:
            refusal = str(failure)
            continue
        try:
            mixer(torch.ones(1, 2, width))
        except SpecError as failure:  # of a part that sees only now what it was combined with
            refusal = str(failure)
            continue
        return written
    raise NoPlaceError(f"{family} '{name}': {refusal}")


def has_a_slot(registry: Registry, family: str) -> bool:
    """Whether some registered mixer, or a part that one holds by default, has a slot for it."""
    return any(True for _ in _places(registry, family))


def _places(registry: Registry, family: str) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Mixers and the paths of their slots, those that cost little first.

    Parts of rules are tried in the plain serial mixer with each rule, those with the fewest
    settings first.
    """
    names = sorted(registry.names("rule"), key=lambda name: _settings(registry, "rule", name))
    rules = [{"type": "serial", "rule": rule} for rule in names]
    for base in BASES:
        yield from ((base, path) for path in slots_of(registry, base, family))
    for base in rules:
        paths = slots_of(registry, base, family)
        yield from ((base, path) for path in paths if path[0] == "rule")
    for name in sorted(registry.names("mixer"), key=lambda name: _is_serial(registry, name)):
        base = {"type": name}
        yield from ((base, path) for path in slots_of(registry, base, family))


def _settings(registry: Registry, family: str, name: str) -> int:
    """How many settings a part has; for a preset, those of the part it is based on."""
    try:
        return len(type(registry.spec(family, name)).model_fields)
    except SpecError:  # some have no default
        return sys.maxsize


def _is_serial(registry: Registry, name: str) -> bool:
    """Whether it is the serial mixer with parts: its rule's parts were tried already."""
    try:
        return registry.spec("mixer", name).part.name == "serial"
    except SpecError:
        return True


def slots_of(registry: Registry, mixer: dict[str, Any], family: str) -> Iterator[tuple[str, ...]]:
    """The paths of a mixer's slots of this family, those nearest to the mixer first."""
    try:
        spec = registry.spec("mixer", mixer)
    except SpecError:
        return
    level: list[tuple[tuple[str, ...], PartSpec]] = [((), spec)]
    for _ in range(DEEPEST):
        below = []
        for path, own in level:
            for key, slot in _slots(type(own)):
                if slot == family:
                    yield (*path, key)
                value = getattr(own, key, None)
                if isinstance(value, PartSpec):
                    below.append(((*path, key), value))
        level = below


@cache
def _slots(spec: type[PartSpec]) -> tuple[tuple[str, str | None], ...]:
    """Each field of a Spec, and the family of its slot, if it is one."""
    properties = spec.model_json_schema().get("properties", {})
    return tuple((key, _slot_in(schema)) for key, schema in properties.items())


def _slot_in(schema: dict[str, Any]) -> str | None:
    """The family of the slot that a property's schema describes."""
    for each in (schema, *schema.get("anyOf", ())):
        if SLOT_KEY in each:
            return each[SLOT_KEY]["family"]
    return None


def _with(base: dict[str, Any], path: tuple[str, ...], name: str) -> dict[str, Any]:
    key, *rest = path
    if not rest:
        return {**base, key: name}
    inner = base.get(key, {})
    inner = {"type": inner} if isinstance(inner, str) else inner
    return {**base, key: _with(inner, tuple(rest), name)}
