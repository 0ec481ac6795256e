import io

import pytest
from rich.console import Console

from seqzoo.report import make_report, print_report


def printed(grid, width, **options):
    page = io.StringIO()
    print_report(make_report(grid.path), Console(file=page, width=width, **options))
    return page.getvalue()


def test_the_whole_report_in_plain_text(ablation):
    text = printed(ablation, 80)
    heading, xor, parity, notes = text.split("\n\n")
    assert heading == (
        f"test: 8 of 12 runs done (2 failed, 2 missing), 2 seeds, from {ablation.path}"
    )
    assert [line.rstrip() for line in xor.splitlines()] == [
        "xor",
        "variant          steps to 0.9       accuracy     steps vs base  params  tok/s",
        "─" * 77,
        "full                     50 *  0.960 ± 0.014              base    4.0k   5.0k",
        "thin        80 (1 of 2 seeds)  0.730 ± 0.255  ≥ +40 [+40, +40]    4.0k   5.0k",
        "plain    not within 100 steps  0.510 ± 0.014  ≥ +50 [+40, +60]    4.0k   5.0k",
    ]
    assert parity.splitlines()[-1].split() == ["plain", "missing"]
    words = " ".join(notes.split())
    assert "mean ± sample standard deviation over seeds * best of its column" in words
    assert "vs base: mean difference to full, paired by seed, [bootstrap 95 % interval]" in words
    assert "run on a processor, 1 thread a run, torch 2.13, seqzoo 0.1" in words
    assert "failed full, parity, seed 1: ValueError('no') (" in words
    assert "failed thin, parity, seed 1: diverged at step 7" in words


def test_a_line_is_as_wide_as_the_table_says(ablation):
    (table,) = make_report(ablation.path).tables(200)
    assert max(map(len, printed(ablation, 200).split("\n\n")[1].splitlines())) == table.width


@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(ablation, width):
    _, *tables, notes = printed(ablation, width).split("\n\n")
    lines = [line for table in tables for line in table.splitlines()]
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert "".join(lines).count("not within 100") == 3
    assert notes


def test_narrow_terminals_fold_and_lose_nothing(ablation):
    _, *tables, _ = printed(ablation, 40).split("\n\n")
    lines = [line for table in tables for line in table.splitlines()]
    assert max(map(len, lines)) <= 40
    assert "…" not in "".join(lines)


def test_colours_are_for_terminals(ablation):
    assert "\x1b[" not in printed(ablation, 80)
    assert "\x1b[1;32m" in printed(ablation, 80, force_terminal=True)
