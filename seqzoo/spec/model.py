"""The model of a run: equal blocks, or a pattern of them for hybrids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

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
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from seqzoo.spec.part import PartSpec, SpecModel, validation_error
from seqzoo.spec.since import since
from seqzoo.spec.slot import slot

__all__ = ["LayerGroup", "LayerSpec", "ModelSpec"]


class LayerGroup(SpecModel):
    """One line of a pattern: `{repeat: 3, mixer: prism}`; what is left out is the model's.

    `mlp: null` is no MLP in these blocks, which is not the same as leaving `mlp` out.
    """

    repeat: PositiveInt = 1
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
        """As people call it."""
        return "a group of layers"


class _Layers:
    """`layers: 4`, or `layers: [{repeat: 3, mixer: prism}, {mixer: attention}]`."""

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
        number = {"type": "integer", "exclusiveMinimum": 0}
        group = handler(TypeAdapter(LayerGroup).core_schema)
        return {"anyOf": [number, {"type": "array", "minItems": 1, "items": group}]}

    def _validate(self, value: Any, info: ValidationInfo) -> int | tuple[LayerGroup, ...]:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        if not isinstance(value, list | tuple) or not value:
            raise PydanticCustomError(
                "bad_layers",
                "layers is a positive number, or a pattern such as "
                "[{repeat: 3, mixer: prism}, {mixer: attention}]",
            )
        groups, errors = [], cast("list[Any]", [])
        for index, item in enumerate(value):
            try:
                groups.append(LayerGroup.model_validate(item, context=cast("Any", info.context)))
            except ValidationError as failure:
                for error in cast("list[Any]", failure.errors(include_url=False)):
                    errors.append({**error, "loc": (index, *error["loc"])})
        if errors:
            raise validation_error("layers", errors)
        return tuple(groups)


class LayerSpec(SpecModel):
    """One block, all its choices made."""

    mixer: PartSpec = slot("mixer")
    mlp: PartSpec | None = slot("mlp", default_type="mlp")


class ModelSpec(SpecModel):
    """A language model of pre-norm residual blocks, each a mixer and an MLP.

    Attributes:
        width: D, features a token.
        layers: number of equal blocks, or a pattern of groups.
        mixer: the mixer of every block that names none of its own.
        mlp: the MLP of every block that names none of its own; null for none.
        norm: before each mixer and MLP, and before the head.
        tie_embeddings: use the embedding's matrix as the output head.
        embedding_std: deviation of the embedding before training; torch's own default is 1.
        dropout: probability on every residual branch, in training.
    """

    width: PositiveInt
    layers: Annotated[int | tuple[LayerGroup, ...], _Layers()]
    mixer: PartSpec | None = slot("mixer", None)
    mlp: PartSpec | None = slot("mlp", "mlp", default_type="mlp")
    norm: Literal["layer_norm", "rms_norm"] = "rms_norm"
    tie_embeddings: bool = False
    embedding_std: float = since("0.2", Field(default=0.02, gt=0.0))
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _every_block_has_a_mixer(self) -> ModelSpec:
        groups = () if isinstance(self.layers, int) else self.layers
        if self.mixer is None and (not groups or any(group.mixer is None for group in groups)):
            raise PydanticCustomError(
                "no_mixer",
                "no mixer: name one for the model (mixer: prism) or in every group of the pattern",
            )
        for mixer in [group.mixer or self.mixer for group in groups] or [self.mixer]:
            assert mixer is not None
            part: Any = mixer.part
            misfit = part.misfit(mixer, self.width)
            if misfit:
                raise PydanticCustomError("misfit", "{why}", {"why": misfit})
        return self

    def blocks(self) -> Iterator[LayerSpec]:
        """Every block from the first to the last."""
        groups = (LayerGroup(repeat=self.layers),) if isinstance(self.layers, int) else self.layers
        for group in groups:
            mixer = group.mixer or self.mixer
            mlp = group.mlp if "mlp" in group.model_fields_set else self.mlp
            assert mixer is not None
            for _ in range(group.repeat):
                yield LayerSpec(mixer=mixer, mlp=mlp)
