"""The keys of a spec in words, for people: `seqzoo parts NAME` and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from seqzoo.spec.part import SpecModel
from seqzoo.spec.schema import raw_schema, slot_family
from seqzoo.spec.slot import a
from seqzoo.spec.write import as_yaml

__all__ = ["Field", "fields_of"]

_PLAIN = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
    "object": "a mapping",
}
_BOUNDS = (
    ("exclusiveMinimum", ">"),
    ("minimum", ">="),
    ("exclusiveMaximum", "<"),
    ("maximum", "<="),
)


@dataclass(frozen=True)
class Field:
    """One key of a spec.

    Attributes:
        path: the key; for a nested mapping the dotted path, `keys.rank`.
        type: the accepted type, in words.
        default: as YAML, None where the key is required.
        doc: its description in the spec's docstring.
        family: the family of the part that it takes; "" where it takes none.
        since: the version of the distribution that added it, "" if it was always there.
    """

    path: str
    type: str
    default: str | None
    doc: str
    family: str
    since: str

    @property
    def meaning(self) -> str:
        """Its description, and since when it is there."""
        return f"{self.doc} (since {self.since})".strip() if self.since else self.doc


def fields_of(model: type[SpecModel]) -> tuple[Field, ...]:
    """The keys of a spec in order, those of nested mappings below the mapping's own."""
    schema = raw_schema(model)
    return tuple(_fields(schema, schema.get("$defs", {}), "", dict(model.added_later)))


def _fields(
    schema: dict[str, Any], definitions: dict[str, Any], prefix: str, since: dict[str, str]
) -> Iterator[Field]:
    required = set(schema.get("required", ()))
    for name, prop in schema.get("properties", {}).items():
        default = None if name in required else as_yaml(prop.get("default"))
        yield Field(
            path=prefix + name,
            type=_words(prop, definitions),
            default=default,
            doc=prop.get("description", ""),
            family=slot_family(prop) or "",
            since=since.get(name, ""),
        )
        nested = _nested(prop)
        if nested in definitions:
            yield from _fields(definitions[nested], definitions, f"{prefix}{name}.", {})


def _nested(prop: dict[str, Any]) -> str:
    """The definition that a property refers to, alone or beside null."""
    for each in (prop, *prop.get("anyOf", ()), *prop.get("allOf", ())):
        if "$ref" in each:
            return each["$ref"].removeprefix("#/$defs/")
    return ""


def _words(prop: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "anyOf" in prop:
        return " or ".join(dict.fromkeys(_words(each, definitions) for each in prop["anyOf"]))
    if family := slot_family(prop):
        return a(family)
    if "$ref" in prop or "allOf" in prop:
        return "a mapping"
    if "const" in prop:
        return as_yaml(prop["const"])
    if "enum" in prop:
        return " | ".join(map(as_yaml, prop["enum"]))
    if prop.get("type") == "array":
        if "prefixItems" in prop:
            items = ", ".join(_words(each, definitions) for each in prop["prefixItems"])
            return f"a list of {items}"
        inner = _words(prop.get("items", {}), definitions)
        return f"a list, each {inner}"
    words = _PLAIN.get(prop.get("type", ""), "anything")
    bounds = " and ".join(f"{sign} {prop[key]}" for key, sign in _BOUNDS if key in prop)
    return f"{words} {bounds}" if bounds else words
