"""The layers of a model: a number of equal blocks, a pattern of groups, or a preset.

layers: 4
layers: [{repeat: 3, mixer: prism}, {mixer: attention}]
layers: {preset: qwen3-next, repeat: 6, attention: {mixer: {window: 64}}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PositiveInt,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_serializer,
)
from pydantic_core import PydanticCustomError, core_schema

from seqzoo.spec.part import PartSpec, SpecModel, validation_error
from seqzoo.spec.pattern import expanded_pattern
from seqzoo.spec.slot import slot

__all__ = ["LayerGroup", "Layers"]

DEEPEST = 2**12  # blocks; more is a slip of the finger, and takes minutes to check


class LayerGroup(SpecModel):
    """One group of a pattern: `{repeat: 3, mixer: prism}`; what it leaves out is the model's.

    `mlp: null` is no MLP in these blocks, which is not the same as leaving `mlp` out.
    """

    repeat: PositiveInt = Field(default=1, le=DEEPEST)
    mixer: PartSpec | None = slot("mixer", None)
    mlp: PartSpec | None = slot("mlp", None, default_type="mlp")

    @model_serializer(mode="wrap")
    def _dumped(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        written = {"repeat", *self.model_fields_set}  # what is left out stays out
        data = self.without_defaults_added_later(handler(self), info)
        return {key: value for key, value in data.items() if key in written}

    @classmethod
    def title(cls) -> str:
        """Its name in messages."""
        return "a group of layers"


class Layers:
    """The annotation of `layers`: a number, a list of groups, or a mapping with `preset`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda layers, info: (
                    layers
                    if isinstance(layers, int)
                    else [group.model_dump(context=info.context) for group in layers]
                ),
                info_arg=True,
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "integer", "exclusiveMinimum": 0, "maximum": DEEPEST}
        group = handler(TypeAdapter(LayerGroup).core_schema)
        preset = {
            "type": "object",
            "required": ["preset"],
            "properties": {"preset": {"type": "string"}, "repeat": number},
            "additionalProperties": {"type": ["object", "null"]},
        }
        return {"anyOf": [number, {"type": "array", "minItems": 1, "items": group}, preset]}

    def _validate(self, value: Any, info: ValidationInfo) -> int | tuple[LayerGroup, ...]:
        context = cast("Mapping[str, Any]", info.context or {})
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= DEEPEST:
            return value
        if isinstance(value, Mapping) and "preset" in value:
            pattern = expanded_pattern(value, context.get("catalog"))
            groups = _validated(pattern.groups, context, pattern.errors)
            _refuse_too_deep(pattern.repeat * _depth(groups))
            return pattern.repeat * groups
        if not isinstance(value, list | tuple) or not value:
            raise PydanticCustomError(
                "bad_layers",
                "layers is a number from 1 to 4096, a pattern such as "
                "[{repeat: 3, mixer: prism}, {mixer: attention}], or a preset of one: "
                "{preset: NAME}",
            )
        groups = _validated(dict(enumerate(value)), context)
        _refuse_too_deep(_depth(groups))
        return groups


def _depth(groups: Sequence[LayerGroup]) -> int:
    return sum(group.repeat for group in groups)


def _refuse_too_deep(depth: int) -> None:
    if depth > DEEPEST:
        raise PydanticCustomError(
            "too_deep",
            "{depth} blocks, and a model has at most {deepest}",
            {"depth": str(depth), "deepest": str(DEEPEST), "hint": "repeat fewer groups"},
        )


def _validated(
    groups: Mapping[Any, Any], context: Mapping[str, Any], known: Sequence[Any] = ()
) -> tuple[LayerGroup, ...]:
    """The groups of a pattern; problems are located by the group's index or name.

    Raises:
        pydantic.ValidationError: the errors known already, and those of the groups.
    """
    found, errors = [], cast("list[Any]", [*known])
    for key, group in groups.items():
        try:
            found.append(LayerGroup.model_validate(group, context=cast("Any", context)))
        except ValidationError as failure:
            for error in cast("list[Any]", failure.errors(include_url=False)):
                errors.append({**error, "loc": (key, *error["loc"])})
    if errors:
        raise validation_error("layers", errors)
    return tuple(found)
