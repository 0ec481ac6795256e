"""A layer's class by its parts, and by counting work and state at growing lengths."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import seqzoo
from seqzoo.cli import main
from seqzoo.model import Mixer
from seqzoo.model.duality import (
    ATTENTION,
    GROWTH,
    LINEAR,
    LOGARITHMIC,
    SERIAL,
    Duality,
    duality_of_all,
)
from seqzoo.operators import Place, Stream

REGISTRY = seqzoo.load_registry()
WIDTH = 16
LAYERS: dict[str, tuple[Any, Duality]] = {
    "attention": ("attention", ATTENTION),
    "recurrent": ({"type": "recurrent", "forget": "head_decay", "scan": "reference"}, LINEAR),
    "affine": ({"type": "prefix", "chunk": 4, "aggregator": "affine"}, LINEAR),
    "psm": ({"type": "transformer_psm", "chunk": 4}, LOGARITHMIC),
    "serial": ("serial", SERIAL),
}


def build(name: str) -> Mixer:
    torch.manual_seed(0)
    return seqzoo.build_mixer(LAYERS[name][0], WIDTH, REGISTRY)


def work(mixer: Mixer, length: int) -> int:
    counter = FlopCounterMode(display=False)  # torch does not count the CPU's fused attention
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        mixer(torch.zeros(1, length, WIDTH))
    return counter.get_total_flops()


@pytest.mark.parametrize("name", LAYERS)
def test_the_parts_say_the_class(name: str) -> None:
    assert build(name).duality() == LAYERS[name][1]


@pytest.mark.parametrize("name", LAYERS)
def test_counted_work_and_state_grow_as_said(name: str) -> None:
    """What doubling the tokens adds beyond twice the work: n^2 quadruples it, n leaves log n."""
    mixer, said = build(name), LAYERS[name][1]
    lengths = [64, 128, 256, 512]
    counted = [work(mixer, length) for length in lengths]
    beyond = [second - 2 * first for first, second in pairwise(counted)]
    if said.work == "n^2":
        assert beyond[1] == 4 * beyond[0] > 0
        assert beyond[2] == 4 * beyond[1]
    else:
        assert max(map(abs, beyond)) < 0.05 * counted[0] * len(lengths)
    carried = [mixer.state_size(length) for length in lengths]
    steps = [second - first for first, second in pairwise(carried)]
    expected = {"1": [0, 0, 0], "log n": [steps[0]] * 3, "n": [steps[0] * f for f in (1, 2, 4)]}
    assert steps == expected[said.memory]
    assert (steps[0] > 0) == (said.memory != "1")


@pytest.mark.parametrize("name", REGISTRY.names("mixer"))
def test_every_registered_mixer_says_its_class_and_carries_no_more(name: str) -> None:
    """State of 2^16, 2^18 and 2^20 tokens; one with room from the start does not grow."""
    mixer = seqzoo.build_mixer(name, 32, REGISTRY)
    said = mixer.duality()
    assert said is not None
    sizes = [mixer.state_size(2**power) for power in (16, 18, 20)]
    steps = [second - first for first, second in pairwise(sizes)]
    found = "1" if not any(steps) else "log n" if steps[0] == steps[1] else "n"
    assert GROWTH.index(found) <= GROWTH.index(said.memory)
    if found != said.memory:
        assert name == "log_linear"


def test_a_mixer_with_a_state_of_its_own_declares_its_class() -> None:
    class Silent(Mixer):
        """y = x."""

        name = "silent"

        def mix(self, x: Tensor, stream: Stream) -> Tensor:
            return x

    class Cache(Silent):
        """y = x, with a cache."""

        name = "cache"
        scaling = ATTENTION

    place = Place(WIDTH)
    assert Silent(Silent.Spec(), place).duality() is None
    assert Cache(Cache.Spec(), place).duality() == ATTENTION


def test_a_stack_has_the_most_of_its_layers() -> None:
    assert duality_of_all([LINEAR, LOGARITHMIC]) == LOGARITHMIC
    assert duality_of_all([LOGARITHMIC, ATTENTION]) == ATTENTION
    assert duality_of_all([LINEAR, SERIAL]) == SERIAL
    assert duality_of_all([LINEAR, None]) is None
    assert str(duality_of_all([LINEAR])) == "SPD-(n, 1)"


def test_a_window_is_a_constant() -> None:
    mixer = seqzoo.build_mixer({"type": "attention", "window": 8}, WIDTH, REGISTRY)
    assert mixer.duality() == LINEAR
    assert mixer.state_size(100) == mixer.state_size(1000)


@pytest.mark.parametrize(
    ("mixer", "line"),
    [
        ("attention", "SPD-(n^2, n)"),
        ("prism", "SPD-(n, 1)"),
        ("transformer_psm", "SPD-(n, log n)"),
        ("serial", "outside SPD: depth n"),
    ],
)
def test_describe_prints_it(tmp_path, capsys, mixer: str, line: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        f"model: {{width: 16, layers: 2, mixer: {mixer}}}\n"
        "task: {type: parity, length: 24}\ntrain: {steps: 1}\n"
    )
    assert main(["describe", str(file)]) == 0
    assert capsys.readouterr().out.count(line) == 2  # the model's, and its layers'
