"""How the parts of a mixer are set, in few words, for `seqzoo describe`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqzoo.spec import PartSpec, SpecModel

__all__ = ["settings_by_part"]


def settings_by_part(mixer: PartSpec) -> dict[str, dict[str, Any]]:
    """For each part in a slot of the mixer, as "family name", its settings by dotted path.

    A part's value is its name. Left out is what is null or false, and of parts inside a part what
    they have by default.
    """
    found: dict[str, dict[str, Any]] = {}
    for key in type(mixer).model_fields:
        spec = getattr(mixer, key)
        if isinstance(spec, PartSpec):
            found.setdefault(f"{spec.part.family} {spec.part.name}", dict(_settings(spec)))
    return found


def _settings(spec: SpecModel, inside: bool = False) -> Iterator[tuple[str, Any]]:
    for key, field in type(spec).model_fields.items():
        value = getattr(spec, key)
        if isinstance(value, PartSpec):
            yield key, value.part.name
        if isinstance(value, SpecModel):
            within = inside or isinstance(value, PartSpec)
            yield from ((f"{key}.{path}", inner) for path, inner in _settings(value, within))
        elif _is_told(value, field.get_default(call_default_factory=True), inside):
            yield key, value


def _is_told(value: Any, default: Any, inside: bool) -> bool:
    """0 is told: it is neither null nor false."""
    return value != default if inside else not (value is None or value is False)
