from __future__ import annotations

import pytest

from seqzoo.scan.triton.configs import Config
from seqzoo.scan.triton.tuning.candidates import neighbours


def test_a_step_on_one_axis_each():
    config = Config(4, 2, {"BLOCK_K": 32, "BLOCK_V": 64})
    found = list(neighbours(config, 256))
    assert len({str(candidate) for candidate in found}) == len(found) == 8
    for candidate in found:
        changed = [
            candidate.num_warps != 4,
            candidate.num_stages != 2,
            candidate.tiles["BLOCK_K"] != 32,
            candidate.tiles["BLOCK_V"] != 64,
        ]
        assert sum(changed) == 1


@pytest.mark.parametrize(
    ("tile", "size", "tiles"),
    [
        (16, 256, {32}),  # a matrix product wants 16
        (4, 256, {8}),  # one that the table has below that may grow, and shrinks no more
        (32, 20, {16}),  # 32 covers 20
        (16, 9, set()),
        (128, 1024, {64}),
    ],
)
def test_tiles_stay_between_a_matrix_product_and_what_covers(tile, size, tiles):
    found = neighbours(Config(4, 2, {"BLOCK": tile}), size)
    assert {candidate.tiles["BLOCK"] for candidate in found} - {tile} == tiles


def test_warps_and_stages_have_ends():
    found = list(neighbours(Config(1, 1, {}), 64))
    assert {(x.num_warps, x.num_stages) for x in found} == {(2, 1), (1, 2)}
    found = list(neighbours(Config(16, 4, {}), 64))
    assert {(x.num_warps, x.num_stages) for x in found} == {(8, 4), (16, 3)}
