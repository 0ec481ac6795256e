"""Names fold between their parts."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from seqzoo.folding import Name, folded, longest_part


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("linear_attention-anchor", 23, ["linear_attention-anchor"]),
        ("linear_attention-anchor", 18, ["linear_attention-", "anchor"]),
        ("linear_attention-anchor", 10, ["linear_", "attention-", "anchor"]),
        ("linear_attention-anchor", 4, ["linear_", "attention-", "anchor"]),
        ("steps vs base", 8, ["steps vs", "base"]),
        ("none (vs -1e-3)", 4, ["none (vs -1e-3)"]),
        ("", 4, [""]),
        (" ", 0, [" "]),
        ("注意-機構", 5, ["注意-", "機構"]),
    ],
)
def test_a_text_is_cut_between_its_parts(text: str, width: int, lines: list[str]) -> None:
    assert folded(text, width) == lines


def test_the_least_width_is_that_of_the_longest_part() -> None:
    assert longest_part("linear_attention-anchor") == len("attention-")


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (20, ["gated-deltanet"]),
        (8, ["gated-", "deltanet"]),
        (5, ["gated", "-", "delta", "net"]),  # a part that is too long is cut by rich
    ],
)
def test_rich_folds_a_name_between_its_parts(width: int, lines: list[str]) -> None:
    page, table = io.StringIO(), Table.grid()
    table.add_column(overflow="fold")
    table.add_row(Name("gated-deltanet"))
    Console(file=page, width=width).print(table)
    assert [line.rstrip() for line in page.getvalue().splitlines()] == lines


def test_a_name_is_no_markup() -> None:
    assert Name("[bold]a\x1b").plain == "[bold]a\\x1b"
