"""Save figures as files, or embed them in a page."""

from __future__ import annotations

import io
import re
from pathlib import Path

from seqzoo.files import write_output, writing
from seqzoo.report.figures.panels import Drawing
from seqzoo.report.figures.style import INK, figure_style

__all__ = ["inline_svg", "rendered", "save_figures"]

DPI = 160


def save_figures(drawings: list[Drawing], folder: Path) -> list[Path]:
    """Write each figure as NAME.svg and NAME.png into a folder, which is created if necessary.

    Raises:
        RunError: it cannot be written.
    """
    with writing(folder, "choose another folder"):
        folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for drawing in drawings:
        for form in ("svg", "png"):
            path = folder / f"{drawing.name}.{form}"
            write_output(path, rendered(drawing, form, "white"))
            paths.append(path)
    return paths


def inline_svg(drawing: Drawing) -> str:
    """The figure as an `<svg>` element that takes the text colour of the page.

    Its ids start with the drawing's name, so that several fit on one page.
    """
    text = rendered(drawing, "svg", "none").decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{drawing.name}-", text)
    text = re.sub(rf"{INK}\b", "currentColor", text)
    return text.replace("<svg ", '<svg role="img" ', 1)


def rendered(drawing: Drawing, form: str, background: str) -> bytes:
    """The bytes of a figure in the format `form`: svg, png or pdf."""
    file = io.BytesIO()
    with figure_style(salt=drawing.name):
        _lay_out(drawing)
        drawing.figure.savefig(
            file,
            format=form,
            dpi=DPI,
            facecolor=background,
            metadata={"Date": None} if form == "svg" else None,
        )
    return file.getvalue()


def _lay_out(drawing: Drawing) -> None:
    """Run the layout engine once; `savefig` would draw everything twice for it, every time."""
    engine = drawing.figure.get_layout_engine()
    if engine is not None:
        engine.execute(drawing.figure)
        drawing.figure.set_layout_engine(None)
