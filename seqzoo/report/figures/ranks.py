"""Critical difference diagram: mean ranks over all points, and groups that cannot be told apart."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

from seqzoo.report.figures.folding import folded, num_lines
from seqzoo.report.figures.panels import Drawing
from seqzoo.report.figures.style import INK, figure_style
from seqzoo.report.report import Report
from seqzoo.report.statistics.overall import Overall

__all__ = ["draw_ranks"]

LABEL = 32  # characters of a line
LEAST_VARIANTS = LEAST_POINTS = 3


def draw_ranks(report: Report) -> Iterator[Drawing]:
    """Draw one diagram per measure (Demšar, Statistical Comparisons of Classifiers, 2006).

    It needs scikit-posthocs (the extra `stats`), three variants and three points; otherwise nothing
    is drawn.
    """
    wanted = [
        overall
        for overall in report.overall
        if len(overall.standings) >= LEAST_VARIANTS and overall.points >= LEAST_POINTS
    ]
    if not wanted:
        return
    try:
        posthocs = importlib.import_module("scikit_posthocs")
        pandas = importlib.import_module("pandas")
    except ImportError:
        return
    for place, overall in enumerate(wanted):
        names = [folded(each.name, LABEL) for each in overall.standings]
        rows = len(names) * max(map(num_lines, names))
        with figure_style():
            figure = Figure(
                figsize=(7.0, 0.9 + max(0.17 * len(names), 0.15 * rows)), layout="constrained"
            )
            _draw(figure, overall, posthocs, pandas)
        over = f"by {overall.measure} over {overall.points} points"
        yield Drawing(
            name="ranks" if place == 0 else f"ranks-{place + 1}",
            title="Ranks",
            caption=f"Mean rank {over}, 1 is best; a bar joins variants that the Nemenyi test at "
            "5 % cannot tell apart. Points are taken as independent.",
            figure=figure,
        )


def _draw(figure: Figure, overall: Overall, posthocs: Any, pandas: Any) -> None:
    scores = pandas.DataFrame(
        {folded(each.name, LABEL): each.means for each in overall.standings}
    )  # points by variants
    ranks = scores.rank(axis=1, ascending=not overall.higher_is_better)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of statsmodels and pandas, about themselves
        alike = posthocs.posthoc_nemenyi_friedman(ranks.to_numpy())
    alike.index = alike.columns = scores.columns
    ax = figure.subplots()
    posthocs.critical_difference_diagram(
        ranks.mean(),
        alike,
        ax=ax,
        color_palette=dict.fromkeys(scores.columns, INK),
        marker_props={"s": 18},
        elbow_props={"linewidth": 0.8},
        crossbar_props={"color": INK, "linewidth": 3.0, "marker": None},
        text_h_margin=0.02,
    )
