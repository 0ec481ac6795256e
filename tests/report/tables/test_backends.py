from __future__ import annotations

import io

from rich.console import Console

from seqzoo.report import make_report, print_report
from seqzoo.report.html import to_html
from seqzoo.train.record import DeviceFacts, ScanFacts

CHUNKED = ScanFacts(operation="scan", backend="chunked", reasons=("chunked: used, why not",))
TRITON = ScanFacts(operation="scan", backend="triton", reasons=("triton: used, first",))
FALLEN = ScanFacts(
    operation="scan",
    backend="chunked",
    reasons=("triton: not used, heads of 512", "chunked: used, next"),
)
GPU = DeviceFacts(kind="cuda", name="a GPU", threads=8)


def test_where_all_runs_computed_alike_one_line_says_how(grid):
    grid.cell("full", {0: 0.5, 1: 0.5}, scan=(CHUNKED,))
    grid.cell("thin", {0: 0.5}, scan=(CHUNKED,))
    grid.freeze()
    assert make_report(grid.path).backends == ["scan by chunked"]


def test_variants_that_differ_are_named(grid):
    grid.cell("full", {0: 0.5}, scan=(TRITON,), device=GPU)
    other = ScanFacts(operation="elementwise", backend="torch", reasons=())
    grid.cell("thin", {0: 0.5}, scan=(TRITON, other), device=GPU)
    grid.freeze()
    assert make_report(grid.path).backends == [
        "scan by triton: full",
        "scan by triton, elementwise by torch: thin",
    ]


def test_a_slower_backend_on_a_gpu_is_told_with_its_reason(grid):
    grid.cell("full", {0: 0.5}, scan=(TRITON,), device=GPU)
    grid.cell("thin", {0: 0.5, 1: 0.5}, scan=(FALLEN,), device=GPU)
    grid.cell("asked", {0: 0.5}, scan=(CHUNKED,), device=GPU)
    grid.freeze()
    assert make_report(grid.path).backends[-2:] == [
        "slow: thin: scan by chunked on cuda, not by triton: heads of 512",
        "slow: asked: scan by chunked on cuda, not by triton: asked for by name",
    ]


def test_reports_and_the_page_say_it(grid):
    grid.cell("full", {0: 0.5}, scan=(CHUNKED,), auxiliary={"balance": 0.25})
    grid.freeze()
    page = io.StringIO()
    print_report(make_report(grid.path), Console(file=page, width=80))
    assert "\nscan by chunked\n" in page.getvalue()
    html = to_html(make_report(grid.path))
    assert "<li>scan by chunked</li>" in html
    assert '["computed by","scan by chunked"]' in html
    assert '["auxiliary balance","0.250"]' in html


def test_records_that_do_not_say_leave_it_out(ablation):
    assert make_report(ablation.path).backends == []
