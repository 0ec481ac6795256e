"""Faults of patterns of layers are found, and a sound one passes."""

import pytest
import torch
from torch import Tensor, nn

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import Place, Stream
from seqzoo.registry import Origin, Registry
from seqzoo.spec import PartSpec, Preset
from seqzoo.testing import PartCase
from seqzoo.testing.families.layers import LAYERS_CHECKS


class Restarts(Mixer):
    """A running sum that forgets where the last call ended."""

    name = "restarts"

    def __init__(self, spec: PartSpec, place: Place) -> None:
        super().__init__(spec, place)
        self.project = nn.Linear(place.width, place.width)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        stream.keep(self, "nothing", stream.zeros(x, 1))
        return self.project(x.cumsum(1))


class Overflows(Restarts):
    """Logits that are no numbers."""

    name = "overflows"

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        return super().mix(x, stream) * torch.inf


@pytest.fixture
def registry() -> Registry:
    registry = seqzoo.load_registry([])
    patterns = {
        "sound": {"one": {"mixer": "recurrent"}, "two": {"mixer": "attention"}},
        "restarting": {"one": {"mixer": "restarts"}},
        "overflowing": {"one": {"mixer": "overflows"}},
        "narrow": {"one": {"mixer": {"type": "attention", "heads": 16}}},
    }
    presets = (Preset(name, spec, "layers", "Test.") for name, spec in patterns.items())
    for target in (Restarts, Overflows, *presets):
        registry.add(target, Origin("test", "test", "0"))
    return registry


@pytest.mark.parametrize(
    ("name", "which", "message"),
    [
        ("restarting", "pattern_streams", "cut into"),
        ("overflowing", "pattern_builds_at_every_width", "logits are not finite"),
        ("narrow", "pattern_builds_at_every_width", "width 16: .*odd head"),
    ],
)
def test_a_fault_is_found(registry: Registry, name: str, which: str, message: str) -> None:
    check = next(check for check in LAYERS_CHECKS if check.__name__ == which)
    with pytest.raises(AssertionError, match=message):
        check(PartCase("layers", name, registry))


@pytest.mark.parametrize("check", LAYERS_CHECKS)
def test_a_sound_pattern_passes(registry: Registry, check) -> None:
    check(PartCase("layers", "sound", registry))
