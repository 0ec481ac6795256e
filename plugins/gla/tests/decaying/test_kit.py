"""The conformance kit over each layer of this room, at small sizes.

Graphs cost most of the time, and one with documents holds what one without holds: of the two checks
that compile only that one is run.
"""

from collections.abc import Callable
from typing import Any

import pytest

import seqzoo
from seqzoo.testing import MIXER_CHECKS, MixerCase
from seqzoo.testing.checks.graphs import compiles_whole, documents_compile_whole

REGISTRY = seqzoo.load_registry()

LAYERS: dict[str, dict[str, Any]] = {
    "mamba2": {"heads": 2, "key_size": 4},
    "gla": {},
    "retnet": {"heads": 2},
    "lightning": {"heads": 2},
    "hgrn2": {"heads": 2},
    "linear_transformer": {"heads": 2},
    "based": {"heads": 2, "key_size": 6},
    "mlstm": {"heads": 2, "injection": {"input_bias": 0.0}},
    "gsa": {"heads": 2, "slots": 5},
    "lightnet": {"heads": 2},
    "mamba3": {"heads": 2, "key_size": 6},
    "mamba3_mimo": {
        "heads": 2,
        "key_size": 6,
        "queries": {"rank": 2},
        "injection": {"rank": 2},
        "readout": {"rank": 2},
    },
    "mesanet": {"heads": 4, "steps": 8},
    "rodimus": {"key_size": 6},
    "log_linear": {"heads": 2, "key_size": 4, "levels": 7},
    "mlstm_sigmoid": {"heads": 2},
}

COMPILED = (
    *("mamba2", "gla", "retnet", "lightning", "based", "mlstm", "mlstm_sigmoid"),
    *("gsa", "lightnet", "rodimus"),
)
"""The others are of parts that these have too, but for `mesanet` and `log_linear`."""

COSTLY = (compiles_whole, documents_compile_whole)
CHECKS = [check for check in MIXER_CHECKS if check not in COSTLY]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_the_kit_is_green(name: str, check: Callable[[MixerCase], None]) -> None:
    check(case(name))


@pytest.mark.parametrize("name", COMPILED)
def test_it_compiles_whole(name: str) -> None:
    documents_compile_whole(case(name))


def case(name: str) -> MixerCase:
    settings = {"type": name, **LAYERS[name]}
    return MixerCase(settings, REGISTRY, width=16, length=21, label=name)
