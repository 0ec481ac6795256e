"""JSON Schema of the run and grid documents, generated from the registered parts.

An editor that speaks yaml-language-server completes and checks YAML with it. A slot is a name, or
a mapping whose `type` decides the keys; third-party parts and presets stand beside our own.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from seqzoo.spec.grid import GridSpec
from seqzoo.spec.part import SpecModel
from seqzoo.spec.run import RunSpec
from seqzoo.spec.slot import SLOT_KEY, Catalog, a, expanded

__all__ = ["grid_schema", "raw_schema", "run_schema", "slot_family", "slot_schema"]

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_schema(catalog: Catalog) -> Schema:
    """The JSON Schema (2020-12) of a run's file."""
    writer = _Writer(catalog)
    run = writer.model(RunSpec, "run")
    return {"$schema": DIALECT, **run, "title": "seqzoo run", "$defs": writer.definitions}


def grid_schema(catalog: Catalog) -> Schema:
    """The JSON Schema (2020-12) of a grid's file. The values of deltas are checked by expansion."""
    writer = _Writer(catalog)
    grid = writer.model(GridSpec, "grid")
    properties = grid["properties"]
    properties["base"]["anyOf"] = [
        {"type": "string", "description": "path of a run's file, relative to this one"},
        _base(writer),
    ]
    for key in ("type", "additionalProperties"):
        del properties["base"][key]
    adjust = writer.definitions["grid.MatchSpec"]["properties"]["adjust"]
    adjust["anyOf"] = [adjust["items"], {"type": "array", "items": adjust["items"], "minItems": 1}]
    del adjust["type"], adjust["items"]
    for block in (grid, writer.definitions["grid.BlockSpec"]):
        _constrain_paths(block["properties"])
    return {"$schema": DIALECT, **grid, "title": "seqzoo grid", "$defs": writer.definitions}


def _constrain_paths(properties: Schema) -> None:
    """The keys of variants, axes and pairings lead into a run."""
    steps = "|".join(field for field in RunSpec.model_fields if field != "seed")
    path = {"pattern": rf"^({steps})(\.|$)"}
    properties["variants"]["additionalProperties"]["propertyNames"] = path
    properties["axes"]["propertyNames"] = path
    pairing = properties["paired"].pop("items")
    pairing["propertyNames"] = path
    del properties["paired"]["type"]
    properties["paired"]["anyOf"] = [pairing, {"type": "array", "items": pairing}]


def slot_schema(family: str, catalog: Catalog) -> Schema:
    """The JSON Schema (2020-12) of one slot: a part's name, or a mapping with a type."""
    writer = _Writer(catalog)
    return {"$schema": DIALECT, **writer.slot(family), "$defs": writer.definitions}


def _base(writer: _Writer) -> Schema:
    """A run of which axes and variants may supply parts."""
    base = writer.model(RunSpec, "run")
    base.pop("required")
    untyped = {"type": "object", "not": {"required": ["type"]}}
    base["properties"]["task"] = {"anyOf": [base["properties"]["task"], untyped]}
    return base


class _Writer:
    """Collects the definitions that the documents refer to.

    Attributes:
        definitions: `slot:FAMILY`, `FAMILY:NAME` for parts and presets, `OWNER.Name` for the
            nested mappings of a part.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.definitions: dict[str, Schema] = {}

    def model(self, model: type[SpecModel], owner: str) -> Schema:
        """The schema of a mapping, its slots and nested mappings referred to."""
        raw = raw_schema(model)
        for name, definition in raw.pop("$defs", {}).items():
            self.definitions[f"{owner}.{name}"] = self._linked(definition, owner)
        return self._linked(raw, owner)

    def _linked(self, schema: Any, owner: str) -> Any:
        """A raw schema with its stand-ins for slots, and its references, made ours."""
        if isinstance(schema, list):
            return [self._linked(item, owner) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if SLOT_KEY in schema:
            rest = {key: value for key, value in schema.items() if key not in (SLOT_KEY, "title")}
            return {**self.slot(**schema[SLOT_KEY]), **rest}
        linked = {key: self._linked(value, owner) for key, value in schema.items()}
        if isinstance(reference := schema.get("$ref"), str):
            linked["$ref"] = reference.replace("#/$defs/", f"#/$defs/{owner}.")
        return linked

    def slot(self, family: str, default_type: str | None = None) -> Schema:
        """A reference to a family's slot; without `type`, a mapping means the default part."""
        name = f"slot:{family}"
        if name not in self.definitions:
            self.definitions[name] = {}  # holds the place: slots may hold slots of their family
            self.definitions[name] = self._alternatives(family)
        reference = {"$ref": f"#/$defs/{name}"}
        if default_type is None or default_type not in self._catalog.names(family):
            return reference
        return {"anyOf": [reference, {"$ref": f"#/$defs/{family}:{default_type}"}]}

    def _alternatives(self, family: str) -> Schema:
        choices, cases = [], []
        for name in self._catalog.names(family):
            try:
                self.definitions[f"{family}:{name}"] = self._named(family, name)
            except PydanticCustomError:
                continue  # a preset that leads nowhere: no spec can use it
            choices.append({"const": name, "description": self._doc(family, name)})
            condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
            cases.append({"if": condition, "then": {"$ref": f"#/$defs/{family}:{name}"}})
        alone = [
            choice
            for choice in choices
            if not self.definitions[f"{family}:{choice['const']}"].get("required")
        ]
        mapping = {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"anyOf": choices}},
            "allOf": cases,
        }
        described = f"{a(family)}: a name, or a mapping with a type"
        if not choices:
            return {"not": {}, "description": f"no {family} is installed"}
        by_name = [{"type": "string", "anyOf": alone}] if alone else []
        return {"description": described, "anyOf": [*by_name, mapping]}

    def _doc(self, family: str, name: str) -> str:
        preset = self._catalog.preset(family, name)
        if preset is not None:
            return preset.doc
        part = self._catalog.part(family, name)
        return part.summary() if part else ""

    def _named(self, family: str, name: str) -> Schema:
        """The mapping of a part, or of a preset: its options, and the keys of what it changes."""
        schema = self._overlay(family, {"type": name})
        if self._catalog.preset(family, name) is None:
            return schema
        expansion = expanded(family, {"type": name}, self._catalog)
        for option in expansion.options:
            path = expansion.options[option]
            while path[0] in expansion.options:  # an option of the preset below
                path = (*expansion.options[path[0]], *path[1:])
            value = self._at(schema, path)
            note = f"sets {'.'.join(path)}"
            schema["properties"][option] = {**value, "description": note}
        schema["properties"]["type"] = {"const": name}
        schema["description"] = self._doc(family, name)
        return schema

    def _overlay(self, family: str, written: Mapping[str, Any]) -> Schema:
        """A part's mapping; where a preset fills its slots, they need no `type` and no key."""
        expansion = expanded(family, written, self._catalog)
        part = self._catalog.part(family, expansion.name)
        if part is None:
            raise PydanticCustomError("unknown_part", "no such part")
        owner = f"{family}:{part.name}"
        schema = self.model(part.Spec, owner)
        schema["description"] = part.summary()
        schema["properties"] = {"type": {"const": part.name}, **schema["properties"]}
        if not expansion.through and not expansion.settings:
            return schema
        schema.pop("required", None)
        for key, value in expansion.settings.items():
            slot = slot_family(raw_schema(part.Spec)["properties"].get(key, {}))
            filled = {"type": value} if isinstance(value, str) else value
            if slot is None or not isinstance(filled, Mapping) or "type" not in filled:
                continue
            inner = self._overlay(slot, filled)
            inner.pop("required", None)
            schema["properties"][key] = {"anyOf": [schema["properties"][key], inner]}
        return schema

    def _at(self, schema: Schema, path: tuple[str, ...]) -> Schema:
        """The schema of the value at a path of a preset's mapping; anything where none is found."""
        for step in path:
            options = [schema, *schema.get("anyOf", [])]
            found = [each["properties"] for each in options if step in each.get("properties", {})]
            if not found:
                return {}
            schema = found[-1][step]
        return schema


def slot_family(schema: Any) -> str | None:
    """The family of parts that a property of a raw schema takes; None if it takes none."""
    for each in [schema, *schema.get("anyOf", [])]:
        if SLOT_KEY in each:
            return each[SLOT_KEY]["family"]
    return None


def raw_schema(model: type[SpecModel]) -> Schema:
    """Pydantic's schema, with the docstrings' words on each field as its description.

    An inherited field that the model's own docstring leaves out has the words of the base's.
    """
    schema = model.model_json_schema()
    for definition in schema.get("$defs", {}).values():
        _describe(definition, [definition.get("description", "")])
    bases = [base for base in model.__mro__ if issubclass(base, SpecModel)]
    _describe(schema, [base.__doc__ or "" for base in bases])
    schema.setdefault("properties", {})
    schema.pop("title", None)
    return schema


def _describe(schema: Schema, docstrings: Sequence[str]) -> None:
    """Give each property the words of the first docstring that has some on it.

    The first of them is the schema's own: its first line becomes the schema's description.
    """
    properties = schema.get("properties", {})
    words: dict[str, str] = {}
    for docstring in docstrings:
        words = {**_described(docstring, properties), **words}
    for name, prop in properties.items():
        prop.pop("title", None)
        if name in words:
            prop["description"] = words[name]
    schema["description"] = docstrings[0].strip().partition("\n")[0]


_KEYS = re.compile(r"(?:^ *|(?<=[.;] ))(\w+(?:, \w+)*): (?=.)")


def _described(docstring: str, names: Container[str]) -> dict[str, str]:
    """The `name: what it is` of a docstring, each with what is indented below it.

    Several names may share their words, `key, value: projections of x`, or a line,
    `least: of the step. most: of the step`.
    """
    words = dict[str, list[str]]()
    open_names, indent = list[str](), 0  # of the words that a line below would continue
    for line in docstring.splitlines():
        starts = [
            match
            for match in _KEYS.finditer(line)
            if all(name in names for name in match[1].split(", "))
        ]
        own_indent = len(line) - len(line.lstrip())
        if starts and starts[0].start() == 0:
            ends = [match.start() for match in starts[1:]] + [len(line)]
            for match, end in zip(starts, ends, strict=True):
                open_names, indent = match[1].split(", "), own_indent
                words.update({name: [line[match.end() : end].strip()] for name in open_names})
        elif open_names and line.strip() and own_indent > indent:
            for name in open_names:
                words[name].append(line.strip())
        else:
            open_names = []
    return {name: " ".join(lines) for name, lines in words.items()}
