"""A report as LaTeX tables for a paper; they need booktabs only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from seqzoo.escape import latex, visible
from seqzoo.report.report import Report
from seqzoo.report.tables.blocks import Column, Entry
from seqzoo.report.tables.table import Table

__all__ = ["to_latex"]

WIDTH = 110  # characters that a page's width holds in small type


def to_latex(report: Report) -> str:
    r"""One `table` environment per table, for `\usepackage{booktabs}`; notes go into captions."""
    failures = [f"failed: {line}" for line in report.failures]
    comments = [report.heading, *failures, r"\usepackage{booktabs}"]
    head = "".join(f"% {visible(line)}\n" for line in comments)
    machines = [*(f"Run on {line}" for line in report.machines), *report.backends]
    drawn = []
    for table in report.tables(WIDTH):
        notes = "; ".join(report.notes([table], best="bold:"))
        caption = [latex(line) for line in [notes, *machines] if line]
        drawn.append("\n".join(_draw(table, report.collection.name, caption)) + "\n")
    return f"{head}\n" + "\n".join(drawn)


def _draw(table: Table, name: str, caption: Sequence[str]) -> Iterator[str]:
    yield r"\begin{table}"
    yield r"  \centering\small"
    title = ", ".join(word for word in (name, table.title) if word)
    yield rf"  \caption{{{'. '.join([latex(title), *caption])}.}}"
    yield rf"  \begin{{tabular}}{{{''.join('r' if c.is_number else 'l' for c in table.columns)}}}"
    yield r"    \toprule"
    yield from _heads(table.columns)
    yield r"    \midrule"
    for row in table.rows:
        yield "    " + " & ".join(map(_text, row)) + r" \\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    yield r"\end{table}"


def _heads(columns: tuple[Column, ...]) -> Iterator[str]:
    """The line of column names, below a line of points if there are several."""
    if any(column.point for column in columns):
        points, rules, first = [], [], 1
        for point, group in groupby(columns, key=lambda column: column.point):
            width = len(list(group))
            points.append(rf"\multicolumn{{{width}}}{{c}}{{{latex(point)}}}" if point else "")
            points[-1] += " &" * (width - 1) if not point else ""
            if point:
                rules.append(rf"\cmidrule(lr){{{first}-{first + width - 1}}}")
            first += width
        yield "    " + " & ".join(points) + r" \\"
        yield "    " + " ".join(rules)
    yield "    " + " & ".join(latex(column.name) for column in columns) + r" \\"


def _text(entry: Entry) -> str:
    text = latex(entry.text)
    return rf"\textbf{{{text}}}" if entry.best else text
