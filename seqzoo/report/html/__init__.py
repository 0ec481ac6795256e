"""A report as one self-contained HTML file."""

from seqzoo.report.html.page import to_html as to_html

__all__ = ["to_html"]
