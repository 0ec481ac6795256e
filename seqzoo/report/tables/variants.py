"""What each variant changes in the base's spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqzoo.errors import counted
from seqzoo.grid.labels import value_label
from seqzoo.report.collect.place import VARIANT
from seqzoo.report.collect.results import Collection
from seqzoo.report.runs.changes import Change, changes
from seqzoo.report.statistics.over_seeds import Cell

__all__ = ["VariantChanges", "variant_changes"]

MOST = 6  # changes that are spelt out


@dataclass(frozen=True)
class VariantChanges:
    """A variant and its differences from the base, such as `model.mixer.depth: 2 -> 1`."""

    name: str
    is_base: bool
    changes: tuple[str, ...]


def variant_changes(collection: Collection, cells: Sequence[Cell]) -> list[VariantChanges]:
    """The base, then the other variants in order; empty if no variant differs from the base.

    Resolved specs are compared at the first point that a variant shares with the base."""
    if collection.against != VARIANT or not collection.base:
        return []
    specs = {result.cell: result.spec for result in reversed(collection.results)}
    found: dict[str, VariantChanges] = {}
    for cell in cells:
        if cell.variant in found or cell.base not in specs or cell.key not in specs:
            continue
        axes = set(collection.axes)
        differing = changes(specs[cell.base], specs[cell.key])
        told = [_written(each) for each in _heads(differing) if not _is_beside(each, axes)]
        if len(told) > MOST:
            told = [*told[: MOST - 1], f"and {counted(len(told) - MOST + 1, 'other change')}"]
        found[cell.variant] = VariantChanges(cell.variant, cell.is_base, tuple(told))
    if len(found) < 2 or not any(each.changes for each in found.values()):
        return []
    return sorted(found.values(), key=lambda each: not each.is_base)


def _heads(differing: Sequence[Change]) -> Iterator[Change]:
    """The changes without the removed settings of parts that were replaced."""
    differing = _with_parts(differing)
    replaced = {each.path.removesuffix("type") for each in differing if each.path.endswith(".type")}
    for each in differing:
        within = any(each.path.startswith(head) and each.path != f"{head}type" for head in replaced)
        if not (within and each.kind == "removed"):
            yield each


def _with_parts(differing: Sequence[Change]) -> list[Change]:
    """The changes with a part replaced by a plain value, or the reverse, as one change."""
    kinds = {(each.path, each.kind): each for each in differing}
    merged: list[Change] = []
    for each in differing:
        owner = each.path.removesuffix(".type")
        plain = kinds.get((owner, "added" if each.kind == "removed" else "removed"))
        if owner != each.path and plain is not None and each.kind != "changed":
            before, after = (each, plain) if each.kind == "removed" else (plain, each)
            merged.append(Change(each.path, "changed", before.before, after.after))
        elif not ({(f"{each.path}.type", "added"), (f"{each.path}.type", "removed")} & set(kinds)):
            merged.append(each)
    return merged


def _is_beside(change: Change, axes: set[str]) -> bool:
    """Whether the change comes from an axis or the run's name, not from the variant."""
    return change.path in ("name", "seed") or any(
        change.path == axis or change.path.startswith(f"{axis}.") for axis in axes
    )


def _written(change: Change) -> str:
    path = change.path.removesuffix(".type")
    if change.kind == "added":
        return f"{path}: {value_label(change.after)} (added)"
    if change.kind == "removed":
        return f"{path}: {value_label(change.before)} (removed)"
    return f"{path}: {value_label(change.before)} -> {value_label(change.after)}"
