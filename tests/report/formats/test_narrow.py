"""Tables wider than the terminal fold headings, then names, between their parts."""

import pytest

from seqzoo.report.formats.narrow import column_widths
from seqzoo.report.tables.blocks import Column, Entry
from seqzoo.report.tables.table import Table

TABLE = Table(
    "",
    (Column("variant", is_number=False), Column("steps vs base"), Column("accuracy")),
    (
        (Entry("linear_attention-anchor"), Entry("+1,650"), Entry("0.997 ± 0.005", best=True)),
        (Entry("prism"), Entry("base"), Entry("1.000")),
    ),
)


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (55, [23, 13, 15]),  # all fits
        (52, [23, 10, 15]),  # a heading folds
        (45, [20, 6, 15]),  # to the width of its entries, and a name
        (20, [10, 6, 15]),  # its longest part stays, and so do numbers
    ],
)
def test_headings_give_way_and_then_names(width: int, widths: list[int]) -> None:
    assert column_widths(TABLE, width) == widths
