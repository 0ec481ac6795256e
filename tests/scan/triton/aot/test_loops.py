from __future__ import annotations

from pathlib import Path

import pytest

from seqzoo.scan.triton.aot import loops
from seqzoo.scan.triton.aot.loops import imported, trips

SOURCE = """
for a in range(4):
    for b in range(1, STREAMS):
        for c in tl.static_range(0, size, BLOCK):
            for d in range(tl.cdiv(size, BLOCK) - 2 * 1):
                pass
for e in range(number // BLOCK):
    pass
for f in [1, 2]:
    pass
for g in range(4**2):
    pass
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(SOURCE)
    return str(path)


@pytest.mark.parametrize(("line", "expected"), [(2, 4), (3, 2), (4, 6.25), (5, 5), (7, 8)])
def test_the_range_tells_how_often(file, line, expected):
    names = {"STREAMS": 3, "size": 100, "BLOCK": 16, "number": 128}
    assert trips(file, line, names) == expected


IN_A_FUNCTION = """
def kernel(T):
    if PACKED:
        T = end - start
        NT = tl.cdiv(T, BT)
    else:
        NT, NS = tl.cdiv(T, BT), 7
    for a in range(NT - 1, -1, -1):
        pass
    for b in range(0, min(BC, T - place * BT)):
        pass
    for c in range(min(place, other)):
        pass
"""


@pytest.mark.parametrize(("line", "expected"), [(8, 4), (10, 16)])
def test_names_that_the_function_gives_itself(file, line, expected):
    """And a minimum of what is known: what is not binds at a sequence's end alone."""
    Path(file).write_text(IN_A_FUNCTION)
    assert trips(file, line, {"T": 250, "BT": 64, "BC": 16}) == expected
    with pytest.raises(ValueError, match=":12: other has no number here"):
        trips(file, 12, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (1, ":1: the machine code has a loop here, and the source none"),
        (3, ":3: STREAMS has no number here"),
        (9, ":9: not a loop over a range"),
        (11, r":11: 4 \*\* 2 is more than this counter reads"),
    ],
)
def test_a_loop_that_cannot_be_counted_is_an_error(file, line, message):
    with pytest.raises(ValueError, match=message):
        trips(file, line, {})


def test_the_file_that_is_read_is_this_process_own():
    """Triton's cache outlives the checkout that filled it, and keeps the paths of its files."""
    assert imported("/gone/seqzoo/scan/triton/aot/loops.py") == loops.__file__
    assert imported(loops.__file__) == loops.__file__
    assert imported("/gone/kernels_of_nobody.py") == "/gone/kernels_of_nobody.py"
