"""The conformance kit over each layer of this room, at small sizes."""

from collections.abc import Callable
from typing import Any

import pytest

import seqzoo
from seqzoo.testing import MIXER_CHECKS, MixerCase

REGISTRY = seqzoo.load_registry()

LAYERS: dict[str, dict[str, Any]] = {
    "mamba2": {"heads": 2, "key_size": 4},
}


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_the_kit_is_green(name: str, check: Callable[[MixerCase], None]) -> None:
    settings = {"type": name, **LAYERS[name]}
    check(MixerCase(settings, REGISTRY, width=16, length=21, label=name))
