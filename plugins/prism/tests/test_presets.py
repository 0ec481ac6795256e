"""Every preset against the float64 restatement of its equations; what each differs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.model import Mixer
from seqzoo.operators import Place

from .restatements.algorithm1 import algorithm1, algorithm1_parameters
from .restatements.baselines import (
    attention,
    attention_parameters,
    grouped_mom,
    grouped_mom_parameters,
    linear_attention,
    linear_attention_parameters,
    mom,
    mom_parameters,
)
from .restatements.functions import Parameters, gelu
from .restatements.lm import Variant, lm, lm_parameters
from .restatements.pairs import Where, agree
from .restatements.probing import probing, probing_parameters

REGISTRY = seqzoo.load_registry()
ANCHOR = {"conv": Where("anchor.conv.weight"), "conv_bias": Where("anchor.conv.bias")}


def build(spec: object, width: int) -> Mixer:
    return REGISTRY.spec("mixer", spec).build(Place(width)).double()


def inputs(width: int, length: int = 9, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, length, width, generator=generator, dtype=torch.float64)


def rows(path: str, step: int, size: int) -> Where:
    """Rows step * size ... of a matrix that holds all steps."""
    return Where(path, slice(step * size, (step + 1) * size))


def algorithm1_places(p: Parameters, width: int, heads: int, depth: int) -> dict[str, Where]:
    places = {
        "conv": Where("anchor.conv.weight"),
        "value": Where("injection.value.project.weight"),
        "query": Where("queries.project.weight"),
        "out": Where("readout.project.weight"),
        "alpha": Where("forget.decay.project.weight"),
        "alpha_bias": Where("forget.decay.project.bias"),
    }
    for step in range(depth):
        places[f"key{step}"] = rows("injection.keys.project.down.weight", step, width)
        places[f"gain{step}"] = rows("injection.gain.project.weight", step, width)
        places[f"gate{step}"] = rows("injection.gates.project.weight", step, heads)
    return {name: place for name, place in places.items() if name in p}


@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_prism_is_algorithm_1(depth: int, heads: int) -> None:
    width = 12
    p = algorithm1_parameters(width, heads, depth)
    agree(
        p,
        build({"type": "prism", "depth": depth, "heads": heads}, width),
        algorithm1_places(p, width, heads, depth),
        lambda p, x: algorithm1(p, x, heads, depth),
        inputs(width),
    )


@pytest.mark.parametrize(
    ("spec", "depth", "changed", "activation"),
    [
        ("prism-depth1", 1, {}, gelu),
        ("prism-linear", 2, {}, lambda x: x),
        ("prism-no-anchor", 2, {"kernel": 0}, gelu),
        ("prism-constant-gain", 2, {"gains": False}, gelu),
        ({"type": "prism", "anchor": {"kernel_size": 5}}, 2, {"kernel": 5}, gelu),
    ],
    ids=["depth1", "linear", "no-anchor", "constant-gain", "kernel5"],
)
def test_an_ablation_is_algorithm_1_with_one_thing_changed(
    spec: object, depth: int, changed: dict[str, Any], activation: Callable[[Tensor], Tensor]
) -> None:
    width, heads = 12, 1
    p = algorithm1_parameters(width, heads, depth, **changed)
    agree(
        p,
        build(spec, width),
        algorithm1_places(p, width, heads, depth),
        lambda p, x: algorithm1(p, x, heads, depth, activation),
        inputs(width),
    )


@pytest.mark.parametrize(("name", "depth"), [("prism-probing", 1), ("prism-probing-depth2", 2)])
@pytest.mark.parametrize("width", [8, 16])
def test_the_probing_mixer_is_the_releases(name: str, depth: int, width: int) -> None:
    rank = width // 4
    places = {
        **ANCHOR,
        "query": Where("queries.project.weight"),
        "value": Where("injection.value.project.weight"),
        "out": Where("readout.project.weight"),
    }
    for step in range(depth):
        places[f"key_down{step}"] = rows("injection.keys.project.down.weight", step, rank)
        places[f"key_up{step}"] = Where("injection.keys.project.up", step)
        places[f"gain_down{step}"] = rows("injection.gain.project.down.weight", step, rank)
        places[f"gain_up{step}"] = Where("injection.gain.project.up", step)
        places[f"gate{step}"] = Where("injection.gates.project.weight", step)
        places[f"gate_bias{step}"] = Where("injection.gates.project.bias", step)
    agree(
        probing_parameters(width, depth),
        build(name, width),
        places,
        lambda p, x: probing(p, x, depth),
        inputs(width),
    )


@pytest.mark.parametrize(
    ("name", "width", "parameters"),
    [
        ("prism-probing", 16, 1_137),
        ("prism-probing-depth2", 16, 1_410),
        ("prism-probing-depth2", 128, 82_946),
    ],
)
def test_the_probing_mixers_parameters_are_the_releases(
    name: str, width: int, parameters: int
) -> None:
    assert sum(parameter.numel() for parameter in build(name, width).parameters()) == parameters


def lm_places(depth: int, width: int, heads: int, variant: Variant, rank: int) -> dict[str, Where]:
    places = {
        **ANCHOR,
        "anchor_norm": Where("anchor.norm.weight"),
        "anchor_norm_bias": Where("anchor.norm.bias"),
        "erase": Where("forget.strength.project.weight"),
        "out_norm": Where("readout.norm.weight"),
        "out_norm_bias": Where("readout.norm.bias"),
    }
    for name, path in {
        "U": "readout.product",
        "v": "injection.first.value.project",
        "q": "queries.project",
        "k": "injection.first.key.project",
        "g": "readout.gate",
        "decay_down": "forget.decay.down",
        "decay_up": "forget.decay.up",
        "w1": "readout.up",
        "w2": "readout.down",
    }.items():
        places[name], places[f"{name}_bias"] = Where(f"{path}.weight"), Where(f"{path}.bias")
    then = "injection.then"
    own = {"r2": [0], "r4": [*range(1, depth)], "r5": []}.get(variant, [*range(depth)])
    for step in range(depth):
        for kind, part in (("weight", ""), ("bias", "_bias")):
            down, gates = f"{then}.gain.project.down.{kind}", f"{then}.gates.project.{kind}"
            places[f"gain_down{part}{step}"] = rows(down, step, rank)
            places[f"gate{part}{step}"] = rows(gates, step, heads)
        places[f"gain_up{step}"] = Where(f"{then}.gain.project.up", step)
    for index, step in enumerate(own):
        for kind, part in (("weight", ""), ("bias", "_bias")):
            down = f"{then}.keys.project.down.{kind}"
            places[f"key_down{part}{step}"] = rows(down, index, rank)
        places[f"key_up{step}"] = Where(f"{then}.keys.project.up", index)
    return places


@pytest.mark.parametrize("variant", ["", "r2", "r3", "r4", "r5"])
@pytest.mark.parametrize(("depth", "heads"), [(2, 2), (1, 1), (3, 2)])
def test_the_lm_mixer_is_the_releases_with_its_recurrence_exact(
    variant: Variant, depth: int, heads: int
) -> None:
    width, rank = 8, 6
    then = {"depth": depth, "gain": {"rank": rank}, "keys": {"rank": rank}}
    spec = {
        "type": f"prism-lm-{variant}" if variant else "prism-lm",
        "heads": heads,
        "injection": {"then": then},
        "forget": {"decay": {"rank": 4}},
    }
    agree(
        lm_parameters(width, heads, depth, variant, rank),
        build(spec, width),
        lm_places(depth, width, heads, variant, rank),
        lambda p, x: lm(p, x, heads, depth, variant),
        inputs(width),
    )


def test_the_baselines_are_the_releases() -> None:
    width = 8
    own = {name: Where(f"{name}.weight") for name in ("query", "key", "value")}
    out = {"out": Where("project.weight"), "out_bias": Where("project.bias")}
    linear = {
        **ANCHOR,
        "query": Where("queries.project.weight"),
        "key": Where("injection.key.project.weight"),
        "value": Where("injection.value.project.weight"),
        "out": Where("readout.project.weight"),
        "out_bias": Where("readout.project.bias"),
    }
    softmax = {
        **ANCHOR,
        "query": rows("qkv.weight", 0, width),
        "key": rows("qkv.weight", 1, width),
        "value": rows("qkv.weight", 2, width),
        "out": Where("project.weight"),
    }
    memories = {**ANCHOR, **out, "query": own["query"]}
    memories |= {"router": Where("router.weight"), "router_bias": Where("router.bias")}
    for memory in range(4):
        memories[f"key{memory}"] = rows("key.weight", memory, width)
        memories[f"value{memory}"] = rows("value.weight", memory, width)
    x = inputs(width)
    agree(
        linear_attention_parameters(width),
        build("released-linear-attention", width),
        linear,
        linear_attention,
        x,
    )
    agree(attention_parameters(width), build("released-attention", width), softmax, attention, x)
    agree(mom_parameters(width), build("released-mom-full-width", width), memories, mom, x)


def test_the_mom_of_table_4_is_the_releases() -> None:
    width = 8
    agree(
        grouped_mom_parameters(width),
        build("released-mom", width),
        {
            **ANCHOR,
            "router": Where("router.weight"),
            "router_bias": Where("router.bias"),
            "qkv_first": Where("first.weight"),
            "qkv_second": Where("second.weight"),
            "out_first": Where("project_first.weight"),
            "out_second": Where("project_second.weight"),
        },
        grouped_mom,
        inputs(width),
    )


def test_the_hybrid_is_three_prism_layers_and_one_of_attention() -> None:
    document = {"width": 16, "layers": {"preset": "prism-hybrid", "linear": {"mixer": "prism-mom"}}}
    model = seqzoo.build_model(document, REGISTRY, vocab_size=7)
    assert [mixer.name for mixer in model.mixers()] == ["routed_memories"] * 3 + ["attention"]
    assert model(torch.randint(7, (1, 5)))[0].shape == (1, 5, 7)
