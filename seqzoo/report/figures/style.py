"""The style of figures: legible in greyscale, for the colour-blind, and on dark pages."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl

__all__ = ["CHANCE", "INK", "Look", "figure_style", "look_at"]

INK = "#0b0c0d"  # lines and text; an HTML page puts its own text colour in its place
FAINT = 0.07  # opacity of a band: five on top of each other must leave their lines to be seen
COLORS = (  # the palette of Okabe and Ito, the faintest last
    *(INK, "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442"),
)
MARKERS = "osD^vPX"  # one fewer than colours: 56 looks before one comes back
DASHES: Sequence[Any] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)))
HATCHES = ("", "////", "..", "\\\\\\\\", "xxx", "---", "+++", "|||", "/|")
STYLE: dict[str, Any] = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "font.family": "sans-serif",
    "font.size": 8,
    "grid.alpha": 0.25,
    "grid.color": INK,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",  # text stays text: small files, and the page's own letters
    "text.color": INK,
    "text.parse_math": False,  # a $ in a name is a dollar
    "xtick.color": INK,
    "ytick.color": INK,
}
CHANCE: dict[str, Any] = {  # the line of what guessing gives
    "color": INK,
    "linestyle": (0, (1, 3)),
    "linewidth": 1.0,
    "alpha": 0.7,
    "zorder": 0,
    "label": "chance",
}


@dataclass(frozen=True)
class Look:
    """The appearance of a series: a colour, and a marker, dashes and hatch for greyscale."""

    color: str
    marker: str
    dashes: Any
    hatch: str

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments for its line."""
        return {
            "color": self.color,
            "linestyle": self.dashes,
            "marker": self.marker,
            "markeredgecolor": INK,
            "markeredgewidth": 0.4,
        }

    @property
    def band(self) -> dict[str, Any]:
        """Keyword arguments for a band between two of its lines."""
        return {"color": self.color, "alpha": FAINT, "linewidth": 0}


def look_at(place: int) -> Look:
    """The look of the series number `place`."""
    return Look(
        color=COLORS[place % len(COLORS)],
        marker=MARKERS[place % len(MARKERS)],
        dashes=DASHES[place % len(DASHES)],
        hatch=HATCHES[place % len(HATCHES)],
    )


@contextmanager
def figure_style(salt: str = "") -> Iterator[None]:
    """Make and save figures in seqzoo's style, whatever the user's matplotlibrc says.

    Args:
        salt: seed of the ids inside an SVG file; the same salt gives the same bytes.
    """
    rules: Any = {**mpl.rcParamsDefault, **STYLE, "svg.hashsalt": salt or "seqzoo"}
    rules.pop("backend")  # figures are made without one, and naming it would start it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with mpl.rc_context(rules):
            yield
