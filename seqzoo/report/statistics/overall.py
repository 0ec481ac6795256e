"""Compare variants with their base over all points of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seqzoo.report.collect.comparing import SERIES
from seqzoo.report.collect.place import key_of, label_of, part_of
from seqzoo.report.collect.results import Collection
from seqzoo.report.statistics.over_seeds import Cell, CellKey
from seqzoo.report.statistics.resampling import Estimate, improvement, interquartile_mean
from seqzoo.report.statistics.significance import holm, seeds_needed, sign_flip_p

__all__ = ["Overall", "Standing", "compare_overall"]


@dataclass(frozen=True)
class Standing:
    """One variant over all points.

    Attributes:
        name: of the variant, and the directory where several are compared.
        middle: interquartile mean of its scores.
        improvement: the probability that it is better than its base; None for the base.
        pairs: the number of runs with a counterpart of the base (same seed and point).
        p: the p-value of the paired test against the base, after Holm; None without pairs.
        seeds: seeds per point needed to show the mean difference; None if unknown.
        means: the mean over seeds at each place.
        is_bound: whether some seed never met its target and counts with its last step.
    """

    name: str
    middle: Estimate
    improvement: Estimate | None
    pairs: int
    p: float | None
    seeds: int | None
    means: dict[str, float]
    is_bound: bool


@dataclass(frozen=True)
class Overall:
    """All variants by one measure, over the points at which every one of them has a score.

    Attributes:
        measure: `accuracy`, or `steps to accuracy 0.9`.
        higher_is_better: its direction.
        points: the number of points compared.
        left_out: the number of points left out because some variant lacks them.
        standings: the base first.
    """

    measure: str
    higher_is_better: bool
    points: int
    left_out: int
    standings: tuple[Standing, ...]


def compare_overall(collection: Collection, cells: Sequence[Cell]) -> list[Overall]:
    """Make one comparison per measure; none without a base or without two pairs of runs."""
    axes = [axis for axis in collection.axes if axis not in SERIES]
    measures: dict[str, dict[str, dict[str, Cell]]] = {}
    for cell in cells:
        if cell.n and cell.measure.higher_is_better is not None and cell.base is not None:
            series = label_of(part_of(cell.variant, cell.standing, SERIES), collection.labels)
            place = key_of(part_of("", cell.standing, axes))
            measures.setdefault(cell.measure.name, {}).setdefault(series, {})[place] = cell
    found = (_overall(series, cells) for series in measures.values() if len(series) > 1)
    return [each for each in found if each is not None]


def _overall(series: dict[str, dict[str, Cell]], cells: Sequence[Cell]) -> Overall | None:
    everywhere = set.intersection(*(set(own) for own in series.values()))
    every = dict.fromkeys(place for own in series.values() for place in own)
    places = [place for place in every if place in everywhere]
    if not places:
        return None
    bases = {cell.key: cell for cell in cells}
    first = next(iter(next(iter(series.values())).values()))
    higher = bool(first.measure.higher_is_better)
    standings = [
        _standing(name, [own[place] for place in places], places, bases, higher_is_better=higher)
        for name, own in series.items()
    ]
    if not any(standing.pairs > 1 for standing in standings):
        return None
    tested = [place for place, standing in enumerate(standings) if standing.p is not None]
    for place, p in zip(tested, holm([standings[t].p or 0.0 for t in tested]), strict=True):
        standings[place] = replace(standings[place], p=p)
    standings.sort(key=lambda standing: standing.improvement is not None)
    return Overall(
        first.measure.name, higher, len(places), len(every) - len(places), tuple(standings)
    )


def _standing(
    name: str,
    cells: Sequence[Cell],
    places: Sequence[str],
    bases: dict[CellKey, Cell],
    *,
    higher_is_better: bool,
) -> Standing:
    scores = [list(cell.measure.values.values()) for cell in cells]
    others = [bases[cell.base] for cell in cells if cell.base is not None]
    against = [list(base.measure.values.values()) for base in others]
    paired = [list(cell.difference.summary.values) for cell in cells if cell.difference]
    values = [value for own in paired for value in own]
    is_base = all(cell.is_base for cell in cells)
    means = {
        place: cell.measure.summary.mean
        for place, cell in zip(places, cells, strict=True)
        if cell.measure.summary is not None
    }
    comparable = not is_base and all(against)
    return Standing(
        name=name,
        middle=interquartile_mean(scores),
        improvement=improvement(scores, against, higher_is_better=higher_is_better)
        if comparable
        else None,
        pairs=len(values),
        p=sign_flip_p(values) if values else None,
        seeds=seeds_needed(paired) if paired else None,
        means=means,
        is_bound=any(cell.measure.censored for cell in cells),
    )
