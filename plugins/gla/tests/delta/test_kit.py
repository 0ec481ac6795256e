"""The conformance kit over every layer of the room.

Graphs cost most of the time, and one with documents holds what one without holds: of the two checks
that compile, only that one is run, and over layers whose parts the kit has not compiled elsewhere.
"""

from collections.abc import Callable

import pytest

from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo.testing.checks.graphs import compiles_whole, documents_compile_whole

from .transcript import REGISTRY

COMPILED = ("comba", "preconditioned_kda", "q_delta", "eda", "rwkv7")
NAMES = (
    "deltanet",
    "gated_deltanet",
    "kda",
    "gated_deltanet2",
    "gated_deltaproduct",
    "preconditioned_deltanet",
    *COMPILED,
)

COSTLY = (compiles_whole, documents_compile_whole)
CHECKS = [check for check in MIXER_CHECKS if check not in COSTLY]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_the_kit_is_green(name: str, check: Callable[[MixerCase], None]) -> None:
    check(case(name))


@pytest.mark.parametrize("name", COMPILED)
def test_it_compiles_whole(name: str) -> None:
    documents_compile_whole(case(name))


def case(name: str) -> MixerCase:
    return MixerCase(name, REGISTRY, width=16, length=21)
