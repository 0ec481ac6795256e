"""A slot: a field that holds a part of one family, named in YAML and looked up in a catalog.

    anchor: PartSpec[Anchor] = slot("anchor", "identity")

The annotation says what `spec.anchor.build(...)` returns. A slot's value is a name
(`anchor: ema`), or a mapping with a `type` and what differs from the defaults
(`anchor: {type: ema, decay: 0.5}`), or a spec made in Python. Names may be presets. The catalog
comes in pydantic's validation context, so there is no registry at module level, and the locations
of nested errors survive: `model.mixer.anchor.kernel_size`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Protocol, Union, cast, get_args, get_origin

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError, core_schema

from seqzoo.errors import did_you_mean
from seqzoo.spec.part import Part, PartSpec, validation_error
from seqzoo.spec.preset import Expansion, Preset

__all__ = ["REQUIRED", "SLOT_KEY", "Catalog", "Memo", "expanded", "resolve", "slot"]

# Specs of slots that a grid's cells share: (family, name or id of the mapping) -> mapping, spec.
Memo = dict[tuple[str, str | int], tuple[Any, PartSpec]] | None

MAX_PRESET_DEPTH = 8
MOST_NAMED = 12  # names of a family that a message lists
SLOT_KEY = "x-slot"  # stands in a Spec's JSON Schema where seqzoo.spec.schema puts the family's


class Catalog(Protocol):
    """What validation needs of a registry."""

    def part(self, family: str, name: str) -> type[Part] | None:
        """The class, or None if there is none; an error that says so if a plugin is broken."""
        ...

    def preset(self, family: str, name: str) -> Preset | None:
        """The preset, or None."""
        ...

    def names(self, family: str) -> tuple[str, ...]:
        """All names a slot of this family accepts: parts and presets."""
        ...


REQUIRED: Any = ...  # a slot without a default: the user names a part


def slot(
    family: str,
    default: Any = REQUIRED,
    *,
    default_type: str | None = None,
    examples: list[Any] | None = None,
) -> Any:
    """A field that holds a part of one family:
    `anchor: PartSpec[Anchor] = slot("anchor", "identity")`.

    The field is a `PartSpec`, `PartSpec | None` or `tuple[PartSpec, ...]`, each with the family's
    class in brackets where that can be imported; annotated with one part's own `Spec`, it takes
    that part only, and editors know its fields.

    Args:
        family: the family of parts that fit.
        default: what YAML would say (a name, a mapping with `type`, or None where the field may be
            null), or a spec made in Python. Left out, the field is required.
        default_type: the part meant by a mapping without `type`; None demands one.
        examples: what could be written; the first is shown where a required slot is missing.
    """
    field = Field(default=default, examples=examples)
    field.metadata.append(_SlotField(_Slot(family, default_type)))
    return field


@dataclass(frozen=True)
class _SlotField:
    """The mark that `slot` leaves in a field; it makes a slot of each part in the annotation."""

    slot: _Slot

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return handler.generate_schema(self._annotated(source))

    def _annotated(self, source: Any) -> Any:
        origin, arguments = get_origin(source), get_args(source)
        if origin in (Union, UnionType) and len(arguments) == 2 and NoneType in arguments:
            one, other = arguments
            return self._annotated(other if one is NoneType else one) | None
        if origin is tuple and arguments[1:] == (...,):
            return tuple[self._annotated(arguments[0]), ...]
        if isinstance(source, type) and issubclass(source, PartSpec):
            return Annotated[source, self.slot]
        raise TypeError(
            f"slot('{self.slot.family}') is the default of a field of {source!r}; annotate the "
            "field as PartSpec, PartSpec | None or tuple[PartSpec, ...]"
        )


@dataclass(frozen=True)
class _Slot:
    """Annotation of a part: how a slot's value is validated, saved and described.

    Attributes:
        family: the family of parts that fit.
        default_type: the part meant by a mapping without `type`; None demands one.
    """

    family: str
    default_type: str | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def validate(value: Any, info: ValidationInfo) -> PartSpec:
            spec = self._validate(value, info)
            if not isinstance(spec, source):
                raise PydanticCustomError(
                    "wrong_part",
                    "expected {wanted} here, got {given}",
                    {"wanted": source.title(), "given": spec.title()},
                )
            return spec

        return core_schema.with_info_plain_validator_function(
            validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda spec, info: spec.model_dump(context=info.context), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {SLOT_KEY: {"family": self.family, "default_type": self.default_type}}

    def _validate(self, value: Any, info: ValidationInfo) -> PartSpec:
        context = cast("Mapping[str, Any]", info.context or {})
        if isinstance(value, Mapping) and "type" not in value and self.default_type is not None:
            value = {"type": self.default_type, **value}
        memo = cast("Memo", context.get("memo"))
        if memo is None:
            return resolve(self.family, value, context.get("catalog"), context)
        key = (self.family, value if isinstance(value, str) else id(value))
        if key not in memo:
            memo[key] = (value, resolve(self.family, value, context.get("catalog"), context))
        return memo[key][1]


def a(noun: str) -> str:
    """The noun with its article: a mixer, an anchor, an mlp."""
    return f"an {noun}" if noun[0] in "aeio" or noun == "mlp" else f"a {noun}"


def resolve(
    family: str, value: Any, catalog: Catalog | None, context: Mapping[str, Any] | None = None
) -> PartSpec:
    """The validated spec of one slot: presets expanded, defaults filled in.

    Args:
        family: the slot's family.
        value: a name, a mapping with `type`, or a PartSpec of this family.
        catalog: where names are looked up.

    Raises:
        pydantic.ValidationError: an unknown key, a wrong value or a type that is no name, located
            inside `value`.
        PydanticCustomError: `value` names no part of this family.
    """
    if isinstance(value, PartSpec):
        if value.part.family != family:
            raise PydanticCustomError(
                "wrong_part",
                "expected {a_family} here, got {given}",
                {"a_family": a(family), "given": f"{value.part.family} '{value.part.name}'"},
            )
        return value
    if catalog is None:
        raise PydanticCustomError(
            "no_catalog",
            "{a_family} is looked up in a registry, and none was given",
            {"a_family": a(family), "hint": "validate with seqzoo.load_spec or Registry.spec"},
        )
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, Mapping) or "type" not in value:
        raise PydanticCustomError(
            "unknown_part",
            "{a_family} is a name, or a mapping with a 'type'",
            {"a_family": a(family), "hint": _known(family, catalog)},
        )
    if not isinstance(value["type"], str):
        error = {
            "type": "unknown_part",
            "msg": f"the type of {a(family)} is a name",
            "loc": ("type",),
            "input": value["type"],
            "ctx": {"hint": _known(family, catalog)},
        }
        raise validation_error(family, [error])
    return _resolve_mapping(family, value, catalog, context)


def _known(family: str, catalog: Catalog) -> str:
    names = catalog.names(family)
    if len(names) > MOST_NAMED:
        return f"`seqzoo parts --family {family}` lists all names"
    return f"known: {', '.join(names)}"


def expanded(family: str, value: Mapping[str, Any], catalog: Catalog) -> Expansion:
    """A slot's mapping with its presets followed down to a part.

    Raises:
        PydanticCustomError: presets that name each other.
    """
    expansion = Expansion.start(value)
    while (preset := catalog.preset(family, expansion.name)) is not None:
        if len(expansion.through) == MAX_PRESET_DEPTH:
            chain = " -> ".join([*expansion.through, expansion.name])
            raise PydanticCustomError(
                "bad_preset", "presets that name each other: {chain}", {"chain": chain}
            )
        expansion = expansion.expand(preset)
    return expansion


def _resolve_mapping(
    family: str, value: Mapping[str, Any], catalog: Catalog, context: Mapping[str, Any] | None
) -> PartSpec:
    expansion = expanded(family, value, catalog)
    name = expansion.name
    part = catalog.part(family, name)
    if part is None:
        raise PydanticCustomError(
            "unknown_part",
            "unknown {family} '{name}'",
            {"family": family, "name": name, "hint": did_you_mean(name, catalog.names(family))},
        )
    twice = _set_twice(family, expansion)
    try:
        spec = part.Spec.model_validate(
            expansion.settings, context={**(context or {}), "catalog": catalog}
        )
    except ValidationError as failure:
        errors = cast("list[Any]", failure.errors(include_url=False))
        for error in errors:
            inner = error["loc"]
            error["loc"] = expansion.written_at(inner)
            if not expansion.options or error["type"] != "unknown_key":
                continue
            if error["loc"] != inner:
                option = f"the option '{error['loc'][0]}' of {family} '{expansion.through[0]}'"
                error["msg"] += f", where {option} leads"
            elif len(inner) == 1:
                key = str(inner[0])
                known = [*error["ctx"]["known"], *expansion.options]
                error["msg"] = f"unknown key '{key}' in {family} '{expansion.through[0]}'"
                error["ctx"] = {"hint": did_you_mean(key, known), "known": known}
        raise validation_error(name, [*twice, *errors]) from None
    if twice:
        raise validation_error(name, twice)
    return spec


def _set_twice(family: str, expansion: Expansion) -> list[Any]:
    """An error for each setting that is written beside an option that leads to it."""
    return [
        {
            "type": "set_twice",
            "msg": f"set twice: the option '{option}' of {family} '{expansion.through[0]}' "
            "leads here too",
            "loc": location,
            "input": None,
            "ctx": {"option": option, "steps": len(location)},
        }
        for location, option in expansion.twice.items()
    ]
