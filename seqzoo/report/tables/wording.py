"""How numbers and cells are written in a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seqzoo.errors import counted
from seqzoo.report.statistics.over_seeds import Cell
from seqzoo.thousands import thousands

__all__ = [
    "Wording",
    "difference_text",
    "is_busy",
    "mean_text",
    "metric_text",
    "metrics_name",
    "number",
    "signed",
    "span",
    "speed_text",
    "steps_text",
]


@dataclass(frozen=True)
class Wording:
    """How verbose a table is: with intervals or without, with units or without."""

    intervals: bool = True
    brief: bool = False


def number(value: float, like: float | None = None) -> str:
    """Format with three decimals, fewer for large numbers, scientific for tiny ones.

    `like` is a number whose decimals are used instead.

    >>> number(0.98765), number(123.456), number(0.00001234)
    ('0.988', '123.5', '1.23e-05')
    """
    size = abs(value if like is None else like)
    if not math.isfinite(value):
        return str(value)
    if 0 < size < 0.001 and like is None:
        return f"{value:.2e}"
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}"


def signed(value: float, like: float) -> str:
    """Format a difference with a sign and the decimals of `like`; no sign if it rounds to zero.

    >>> signed(0.0125, like=0.5), signed(-0.0001, like=0.5), signed(-2.5, like=1500)
    ('+0.013', '0.000', '-2')
    """
    text = number(abs(value)) if 0 < abs(like) < 0.001 else number(abs(value), like)
    if not any(digit in text for digit in "123456789") and math.isfinite(value):
        return text
    return f"-{text}" if value < 0 else f"+{text}"


def difference_text(cell: Cell, interval: bool) -> str:
    """`base`, or the mean difference to it with its interval: `+0.100 [+0.050, +0.150]`.

    If steps are censored it is a bound: `≥ +20`.
    """
    if cell.is_base:
        return "base"
    if cell.difference is None:
        return ""
    summary, bound = cell.difference.summary, cell.difference.sign
    like = cell.measure.summary.mean if cell.measure.summary else 1.0
    write = signed if cell.measure.name == cell.metric else _signed_steps
    text = f"{bound} {write(summary.mean, like)}".lstrip()
    if not interval or summary.interval is None:
        return text
    low, high = (write(end, like) for end in summary.interval)
    return f"{text} [{low}, {high}]"


def _signed_steps(value: float, _: float) -> str:
    text = f"{abs(value):,.0f}"
    return text if text == "0" else f"{'-' if value < 0 else '+'}{text}"


def span(values: Iterable[float | None]) -> str:
    """One number, or the range of several."""
    texts = [thousands(value) for value in sorted(value for value in values if value is not None)]
    if not texts:
        return ""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]}-{texts[-1]}"


def speed_text(cells: Iterable[Cell]) -> str:
    """Training tokens per second from the slowest run to the fastest, after `~` if `is_busy`."""
    speeds = [cell.speed for cell in cells if cell.speed is not None]
    text = span(end for speed in speeds for end in (speed.minimum, speed.maximum))
    return f"~ {text}" if any(map(is_busy, cells)) else text


def is_busy(cell: Cell) -> bool:
    """Whether a run shared its cores with other processes, or speeds differ by over a fifth."""
    speed = cell.speed
    return cell.shared or (speed is not None and speed.minimum < 0.8 * speed.maximum)


def metrics_name(names: Iterable[str]) -> str:
    """The heading of a column of metrics: their name, or `metric` if they differ."""
    distinct = set(names)
    return distinct.pop() if len(distinct) == 1 else "metric"


def mean_text(cell: Cell) -> str:
    """The mean of a cell's measure: `0.912`, `1,500`, or `≥ 3,200` if it is a bound."""
    measure = cell.measure
    if measure.summary is None:
        return metric_text(cell)
    if measure.name == cell.metric:
        return number(measure.summary.mean)
    return f"{'≥ ' if measure.censored else ''}{measure.summary.mean:,.0f}"


def metric_text(cell: Cell) -> str:
    """Mean and sample standard deviation, with the number of seeds left out.

    `0.912 ± 0.013`, `0.912 (1 failed)`, `missing`, `1 failed, 2 missing`.
    """
    lacks = [
        f"{count} {word}"
        for count, word in ((cell.failed, "failed"), (cell.missing, "missing"))
        if count
    ]
    if cell.summary is None:
        for count, word in ((cell.failed, "failed"), (cell.missing, "missing")):
            if count == cell.planned:
                return word
        return ", ".join(lacks) or "not measured"
    mean, sd = cell.summary.mean, cell.summary.sd
    text = number(mean) if sd is None else f"{number(mean)} ± {_spread(sd, mean)}"
    return f"{text} ({', '.join(lacks)})" if lacks else text


def _spread(sd: float, mean: float) -> str:
    return f"{sd:.1e}" if 0 < abs(mean) < 0.001 else number(sd, like=mean)


def steps_text(cell: Cell, brief: bool = False) -> str:
    """The mean step at which the target was first met, or that it was not.

    `1,500`, `1,500 (2 of 3 seeds)`, `not within 4,000 steps`; empty if no run is done. The brief
    form leaves out `seeds` and `steps`: `1,500 (2 of 3)`.
    """
    if cell.target is None or cell.n == 0:
        return ""
    if cell.reached_at is None:
        return "not within " + (f"{cell.max_steps:,}" if brief else counted(cell.max_steps, "step"))
    text = f"{cell.reached_at:,.0f}"
    if len(cell.reached) == cell.n:
        return text
    return f"{text} ({len(cell.reached)} of {cell.n}" + (")" if brief else " seeds)")
