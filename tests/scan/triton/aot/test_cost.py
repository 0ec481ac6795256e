"""Costs counted from kernels that are compiled here."""

from __future__ import annotations

import pytest

from seqzoo.scan.triton.aot.cost import CHUNK, Shape, costs, total

SMALL = Shape(1, 256, 2, 64, 64)


def test_a_call_is_counted_kernel_by_kernel():
    rows = costs("sm_90", "linear", SMALL, workers=2)
    forward, backward = (
        [row for row in rows if row.direction == name] for name in ("forward", "backward")
    )
    assert [*forward, *backward] == rows
    assert len(backward) > len(forward) > 0
    # a chunk's tiles are of 64 x 64, 8 KiB: queries, keys, values in, outputs out, at least
    assert total(rows, "forward").least_bytes >= 4 * CHUNK * 64 * 2
    both = total(rows)
    assert both.instructions == pytest.approx(sum(row.instructions for row in rows))
    # 2 x 64 x 64 x 64 operations are 32 products of 64 x 16 x 16 by four warps
    assert 1 < total(rows, "forward").matrix < 1000
    assert all(row.instructions > 0 and row.seconds > 0 for row in rows)


@pytest.mark.parametrize(
    ("problem", "forward", "both"), [("decay", 13e3, 60e3), ("gated-delta", 35e3, 120e3)]
)
def test_the_kernels_stay_as_cheap_as_they_are(problem, forward, both):
    """Warp instructions a chunk and head, heads of 128 in bfloat16."""
    rows = costs("sm_90", problem, workers=2)
    assert total(rows, "forward").instructions < forward
    assert total(rows).instructions < both


def test_what_is_not_counted():
    with pytest.raises(ValueError, match=r"costs are counted for sm_80, .* not 'gfx942'"):
        costs("gfx942", "linear")
    with pytest.raises(ValueError, match="no problem 'lin'; there are linear, decay"):
        costs("sm_90", "lin")
