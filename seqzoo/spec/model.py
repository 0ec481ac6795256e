"""The model of a run: equal blocks, or a pattern of them for hybrids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from seqzoo.spec.layers import LayerGroup, Layers
from seqzoo.spec.part import PartSpec, SpecModel
from seqzoo.spec.since import since
from seqzoo.spec.slot import slot

__all__ = ["LayerGroup", "LayerSpec", "ModelSpec"]


WIDEST = 2**20  # features; more is a slip of the finger


class LayerSpec(SpecModel):
    """One block with all choices made."""

    mixer: PartSpec = slot("mixer")
    mlp: PartSpec | None = slot("mlp", default_type="mlp")


class ModelSpec(SpecModel):
    """A language model of pre-norm residual blocks, each a mixer and an MLP.

    Attributes:
        width: D, features a token.
        layers: number of equal blocks, a pattern of groups, or a preset of one with changes.
        mixer: the mixer of every block that names none of its own.
        mlp: the MLP of every block that names none of its own; null for none.
        norm: before each mixer and MLP, and before the head.
        tie_embeddings: use the embedding's matrix as the output head.
        embedding_std: deviation of the embedding before training; torch's own default is 1.
        dropout: probability on every residual branch, in training.
    """

    width: PositiveInt = Field(le=WIDEST, examples=[64])
    layers: Annotated[int | tuple[LayerGroup, ...], Layers()] = Field(examples=[2])
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
