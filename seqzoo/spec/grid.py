"""A grid: a base run, and the deltas that make many runs of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, PrivateAttr

from seqzoo.spec.document import Document
from seqzoo.spec.marks import Location
from seqzoo.spec.part import PartSpec, SpecModel
from seqzoo.spec.slot import slot

__all__ = ["BlockSpec", "GridSpec", "MatchSpec", "base_variant"]

Delta = dict[str, Any]
Values = Annotated[tuple[Any, ...], Field(min_length=1)]
Seeds = Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


def _as_tuple(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def base_variant(variants: Mapping[str, Mapping[str, Any]]) -> str:
    """The variant that others are compared with: the first that changes nothing, else the first."""
    unchanged = [name for name, delta in variants.items() if not delta]
    return (unchanged or list(variants) or [""])[0]


class MatchSpec(SpecModel):
    """Fair comparison: one size of each variant is adjusted until its budget matches the base's.

    Attributes:
        by: what to equalise: parameters, state (elements per sequence), flops (per token).
        adjust: the path of the size, such as model.mlp.ratio; or several, tried in order.
        within: how far from the base's budget it may be, as a share of it.
    """

    by: Literal["parameters", "state", "flops"] = Field(examples=["parameters"])
    adjust: Annotated[
        tuple[Annotated[str, Field(pattern=r"^model(\.[^.]+)+$")], ...],
        BeforeValidator(_as_tuple),
        Field(min_length=1, examples=["model.mlp.ratio"]),
    ]
    within: float = Field(default=0.02, gt=0, lt=1)


class BlockSpec(SpecModel):
    """One grid of several that share a base: its factors, beside those written for all.

    Attributes:
        variants: named deltas, path -> value: one factor at a time.
        axes: path -> values; all combinations are run.
        paired: path -> values that go together, first with first; or a list of such mappings.
        exclude: partial points (`variant` and paths -> values) that are left out.
        seeds: a number of seeds, counted from 0, or a list; left out, those written for all.
    """

    variants: dict[str, Delta] = Field(default_factory=dict)
    axes: dict[str, Values] = Field(default_factory=dict)
    paired: Annotated[tuple[dict[str, Values], ...], BeforeValidator(_as_list)] = ()
    exclude: tuple[Delta, ...] = ()
    seeds: PositiveInt | Seeds | None = None

    @classmethod
    def title(cls) -> str:
        """As people call it."""
        return "a grid of 'grids'"


class GridSpec(BlockSpec):
    """A grid of runs. All paths are dotted paths into the base, such as `model.mixer.depth`.

    Attributes:
        name: the grid's name in reports.
        base: a run, written here or the path of its file, relative to this one.
        variants: named deltas, path -> value: one factor at a time.
        axes: path -> values; all combinations are run.
        paired: path -> values that go together, first with first; or a list of such mappings.
        exclude: partial points (`variant` and paths -> values) that are left out.
        seeds: a number of seeds, counted from 0, or a list; left out, the base's own.
        grids: several grids in one, each with factors of its own beside those written above.
        match: adjust a size of each variant until it costs as much as the base.
        sampler: tunes each variant at each point, then compares them with their best values.
    """

    name: str | None = None
    base: dict[str, Any] = Field(examples=["run.yaml"])
    grids: Annotated[tuple[BlockSpec, ...], Field(min_length=1)] | None = None
    match: MatchSpec | None = None
    sampler: PartSpec | None = slot("sampler", None)
    _document: Document | None = PrivateAttr(default=None)

    @classmethod
    def title(cls) -> str:
        """As people call it."""
        return "'grid'"

    @property
    def document(self) -> Document:
        """Where everything is written; without lines for a grid made in Python."""
        return self._document or Document.of(self.model_dump(exclude_unset=True), "grid")

    def written_in(self, document: Document) -> GridSpec:
        """This grid, with the document it was read from for its messages."""
        self._document = document
        return self

    def blocks(self) -> tuple[tuple[Location, BlockSpec], ...]:
        """The grids of the union with their locations; the grid itself where there is no union."""
        if self.grids is None:
            return (((), self),)
        return tuple((("grids", index), block) for index, block in enumerate(self.grids))

    def all_variants(self) -> dict[str, Delta]:
        """The variants of all grids."""
        return {
            name: delta
            for block in (self, *(self.grids or ()))
            for name, delta in block.variants.items()
        }

    def seed_list(self, base_seed: int, block: BlockSpec | None = None) -> tuple[int, ...]:
        """The seeds each cell runs with, or each cell of a block of the union."""
        seeds = self.seeds if block is None or block.seeds is None else block.seeds
        if seeds is None:
            return (base_seed,)
        return tuple(range(seeds)) if isinstance(seeds, int) else seeds
