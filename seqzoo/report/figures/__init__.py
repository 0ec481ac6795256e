"""Figures of a report: bars, learning curves, the metric against axes and costs, probes."""

from seqzoo.report.figures.along import draw_along_axes
from seqzoo.report.figures.bands import draw_bands
from seqzoo.report.figures.bars import draw_bars
from seqzoo.report.figures.curves import draw_curves
from seqzoo.report.figures.lengths import draw_lengths
from seqzoo.report.figures.panels import Drawing as Drawing
from seqzoo.report.figures.pareto import draw_costs
from seqzoo.report.figures.probes import draw_probed_runs
from seqzoo.report.figures.ranks import draw_ranks
from seqzoo.report.figures.save import inline_svg as inline_svg
from seqzoo.report.figures.save import save_figures as save_figures
from seqzoo.report.report import Report

__all__ = ["Drawing", "draw_figures", "inline_svg", "save_figures"]


def draw_figures(report: Report) -> list[Drawing]:
    """Draw every figure that the report has data for."""
    kinds = (
        draw_bars,
        draw_curves,
        draw_lengths,
        draw_bands,
        draw_along_axes,
        draw_costs,
        draw_ranks,
        draw_probed_runs,
    )
    return [drawing for draw in kinds for drawing in draw(report)]
