"""The table that compares variants over all points of a grid, with its notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqzoo.errors import counted
from seqzoo.report.statistics.overall import Overall, Standing
from seqzoo.report.statistics.resampling import Estimate
from seqzoo.report.statistics.significance import LEVEL, MOST_SEEDS, least_p
from seqzoo.report.tables.blocks import Block, Column, Entry
from seqzoo.report.tables.table import Table
from seqzoo.report.tables.wording import number

__all__ = ["comparison_notes", "comparison_tables"]


def comparison_tables(found: Sequence[Overall]) -> Iterator[Table]:
    """Make one table per measure."""
    for overall in found:
        standings = overall.standings
        columns = {
            Column("variant", is_number=False): [Entry(each.name) for each in standings],
            Column("IQM"): [Entry(_middle(each, overall)) for each in standings],
            Column("P(better)"): [Entry(_share(each.improvement)) for each in standings],
            Column("pairs"): [Entry(str(each.pairs or "")) for each in standings],
            Column("p (Holm)"): [Entry(_p(each.p)) for each in standings],
            Column("needs"): [Entry(_seeds(each)) for each in standings],
        }
        body = Block.of_columns(columns)
        over = f"over {counted(overall.points, 'point')}" if overall.points > 1 else "over seeds"
        yield Table(
            title=f"{overall.measure} {over}",
            columns=tuple(body.columns),
            rows=tuple(map(tuple, body.rows)),
        )


def comparison_notes(found: Sequence[Overall]) -> list[str]:
    """Explain these tables, one sentence each."""
    if not found:
        return []
    tests = max(sum(each.p is not None for each in overall.standings) for overall in found)
    pairs = min(each.pairs for overall in found for each in overall.standings if each.pairs)
    said = [
        "IQM: interquartile mean over points and seeds, [95 % interval of a bootstrap stratified "
        "by point]",
        "P(better): probability that a run beats one of the base at a random point",
        f"p: paired sign-flip test, corrected by Holm for {counted(tests, 'comparison')}; "
        f"with {counted(pairs, 'pair')} p is at least {least_p(pairs):.2g}",
        f"needs: seeds per point to detect this difference at {LEVEL * 100:.0f} % with a power of "
        "80 %, estimated from these seeds",
    ]
    left_out = sum(overall.left_out for overall in found)
    if left_out:
        said.append(
            f"{counted(left_out, 'point')} left out because some variant has no score there"
        )
    return said


def _middle(standing: Standing, overall: Overall) -> str:
    is_steps = overall.measure.startswith("steps to ")
    write = _steps if is_steps else number
    text = ("≥ " if standing.is_bound else "") + write(standing.middle.value)
    if standing.middle.interval is None:
        return text
    low, high = standing.middle.interval
    return f"{text} [{write(low)}, {write(high)}]"


def _steps(value: float) -> str:
    return f"{value:,.0f}"


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "base"
    if estimate.interval is None:
        return f"{estimate.value:.2f}"
    low, high = estimate.interval
    return f"{estimate.value:.2f} [{low:.2f}, {high:.2f}]"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def _seeds(standing: Standing) -> str:
    if standing.seeds is None:
        return ""
    return f">{MOST_SEEDS:,}" if standing.seeds >= MOST_SEEDS else f"{standing.seeds:,}"
