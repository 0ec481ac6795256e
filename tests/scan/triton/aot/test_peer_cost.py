"""fla's kernels in our counts, where fla is installed."""

from __future__ import annotations

import pytest

from seqzoo.scan.triton.aot.cost import CHUNK, PROBLEMS, Shape, total
from seqzoo.scan.triton.aot.peer_cost import FUNCTIONS, installed, peer_costs

SMALL = Shape(1, 256, 2, 64, 64)


def test_every_function_is_of_a_problem_that_we_count() -> None:
    assert set(FUNCTIONS) < set(PROBLEMS)
    assert peer_costs("sm_90", "prism-2", SMALL) == []


@pytest.mark.skipif(not installed(), reason="fla is not installed")
def test_a_call_is_counted_kernel_by_kernel() -> None:
    rows = peer_costs("sm_90", "linear", SMALL, workers=2)
    assert {row.direction for row in rows} == {"forward", "backward"}
    assert {row.problem for row in rows} == {"linear, fla"}
    assert all(row.instructions > 0 and row.seconds > 0 for row in rows)
    # queries, keys, values in and outputs out, 64 x 64 each
    assert total(rows, "forward").least_bytes >= 4 * CHUNK * 64 * 2
