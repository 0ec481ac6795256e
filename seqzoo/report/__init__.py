"""Reports: read the records of a directory, summarise them over seeds, print or draw the result."""

from seqzoo.report.collect.directory import collect as collect
from seqzoo.report.collect.results import Collection as Collection
from seqzoo.report.collect.results import Result as Result
from seqzoo.report.formats.flat import to_csv as to_csv
from seqzoo.report.formats.flat import to_json as to_json
from seqzoo.report.formats.latex import to_latex as to_latex
from seqzoo.report.formats.markdown import to_markdown as to_markdown
from seqzoo.report.formats.parquet import to_parquet as to_parquet
from seqzoo.report.formats.terminal import print_report as print_report
from seqzoo.report.report import Report as Report
from seqzoo.report.report import make_report as make_report
from seqzoo.report.runs.changes import Change as Change
from seqzoo.report.runs.changes import changes as changes
from seqzoo.report.runs.conditions import list_runs as list_runs
from seqzoo.report.runs.pair import Pair as Pair
from seqzoo.report.runs.pair import compare_runs as compare_runs

__all__ = [
    "Change",
    "Collection",
    "Pair",
    "Report",
    "Result",
    "changes",
    "collect",
    "compare_runs",
    "list_runs",
    "make_report",
    "print_report",
    "to_csv",
    "to_json",
    "to_latex",
    "to_markdown",
    "to_parquet",
]
