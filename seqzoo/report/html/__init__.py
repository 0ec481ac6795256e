"""A report as one HTML file that needs nothing else."""

from seqzoo.report.html.page import to_html as to_html

__all__ = ["to_html"]
