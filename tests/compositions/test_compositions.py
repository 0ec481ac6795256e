"""Published layers composed of slots and parts of under forty lines; the kit is green."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import yaml

import seqzoo
from seqzoo.registry import Origin
from seqzoo.testing import MIXER_CHECKS, MixerCase

from .parts import COMPOSITIONS, PARTS

REGISTRY = seqzoo.load_registry()
for _part in PARTS:
    REGISTRY.add(_part, Origin("compositions", "tests", "0"))

GROUPED = ("mamba2", "mlstm_sigmoid")


@pytest.mark.parametrize(
    "check",
    [check for check in MIXER_CHECKS if check.__name__ != "compiles_whole"],  # as with documents
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_the_kit_is_green(name: str, check: Callable[[MixerCase], None]) -> None:
    if check.__name__ == "grouped_heads_agree" and name not in GROUPED:
        pytest.skip("this composition's short parts make a key for every head")
    check(MixerCase(yaml.safe_load(COMPOSITIONS[name]), REGISTRY, label=name))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.family}-{part.name}")
def test_no_part_needs_forty_lines(part: type) -> None:
    assert len(inspect.getsource(part).splitlines()) < 40
