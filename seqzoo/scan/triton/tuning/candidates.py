"""Which configurations are tried: the neighbours of one, a step on one axis each.

    a tile         half and twice as large, a power of two from 16 (the smallest matrix product, or
                   from what the table has below it) to what covers the size, at most 128
    num_warps      half and twice as many, from 1 to 16
    num_stages     one less and one more, from 1 to 4

A climb over such steps sees some ten candidates a step where all combinations are hundreds, each of
which costs a compilation. A kernel goes over its whole problem in tiles of any size and masks what
is beyond, so each candidate covers the shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seqzoo.scan.triton.configs import Config

LEAST_TILE, LARGEST_TILE = 16, 128
MOST_WARPS, MOST_STAGES = 16, 4


def neighbours(config: Config, size: int) -> Iterator[Config]:
    """The candidates next to a configuration.

    Args:
        config: where the climb stands.
        size: of the problem, as `config_for` takes it; no tile need be larger.
    """
    covering = 1 << (max(size, 1) - 1).bit_length()
    for name, tile in config.tiles.items():
        least, most = min(LEAST_TILE, tile), min(LARGEST_TILE, max(covering, LEAST_TILE))
        for changed in (tile // 2, tile * 2):
            if least <= changed <= most:
                yield replace(config, tiles={**config.tiles, name: changed})
    for warps in (config.num_warps // 2, config.num_warps * 2):
        if 1 <= warps <= MOST_WARPS:
            yield replace(config, num_warps=warps)
    for stages in (config.num_stages - 1, config.num_stages + 1):
        if 1 <= stages <= MOST_STAGES:
            yield replace(config, num_stages=stages)
