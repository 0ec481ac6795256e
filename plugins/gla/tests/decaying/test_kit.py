"""The conformance kit over each layer of this room, at small sizes.

Graphs are left to the kit's run over every registered part (tests/testing/test_checks.py).
"""

from collections.abc import Callable
from typing import Any

import pytest

import seqzoo
from seqzoo.testing import MIXER_CHECKS, MixerCase

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

CHECKS = [check for check in MIXER_CHECKS if "compile" not in check.__name__]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_the_kit_is_green(name: str, check: Callable[[MixerCase], None]) -> None:
    check(case(name))


def case(name: str) -> MixerCase:
    settings = {"type": name, **LAYERS[name]}
    return MixerCase(settings, REGISTRY, width=16, length=21, label=name)
