"""What mixers, MLPs and decoders are where a spec says no more than their names."""

from __future__ import annotations

from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.model import MLP, Mixer
from seqzoo.model.heads import default_heads, expanded_size, heads_misfit
from seqzoo.operators import Place
from seqzoo.registry import load_registry

REGISTRY = load_registry(entry_points=[])

DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("mixer", "attention"): {
        "heads": None,
        "key_heads": None,
        "window": None,
        "rotary": {"base": 10_000.0, "fraction": 1.0, "pairs": "halves"},
        "norm": {"type": "none"},
        "anchor": {"type": "identity"},
        "gate": None,
    },
    ("mlp", "mlp"): {"ratio": 4.0, "activation": {"type": "gelu"}},
    ("mlp", "swiglu"): {"ratio": 8 / 3, "activation": {"type": "silu"}},
    ("decoder", "last_token"): {"ratio": 4.0},
}


@pytest.mark.parametrize(("family", "name"), DEFAULTS)
def test_defaults_are_what_the_pages_say(family: str, name: str) -> None:
    spec = REGISTRY.spec(family, name)
    found = spec.model_dump(mode="json", context={"complete": True})
    assert found == {"type": name, **DEFAULTS[family, name]}


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "recurrent",
            {
                "anchor": "identity",
                "injection": "rank_one",
                "queries": "linear",
                "forget": "none",
                "scan": "auto",
                "readout": "linear",
            },
        ),
        (
            "serial",
            {
                "anchor": "identity",
                "key": "linear",
                "value": "linear",
                "queries": "linear",
                "rule": "delta",
                "readout": "linear",
            },
        ),
    ],
)
def test_default_parts_of_a_composed_mixer(name: str, parts: dict[str, str]) -> None:
    spec = REGISTRY.spec("mixer", name)
    assert {slot: getattr(spec, slot).part.name for slot in parts} == parts
    assert (spec.model_dump()["scale"], spec.model_dump()["heads"]) == (None, None)


@pytest.mark.parametrize("name", ["recurrent", "serial"])
@pytest.mark.parametrize("scale", [0.0, -0.5])
def test_a_scale_is_above_0(name: str, scale: float) -> None:
    with pytest.raises(SpecError, match="scale"):
        REGISTRY.spec("mixer", {"type": name, "scale": scale})


@pytest.mark.parametrize(("family", "name"), [("mlp", "mlp"), ("mlp", "swiglu")])
def test_a_ratio_is_above_0_and_leaves_one_feature_at_least(family: str, name: str) -> None:
    with pytest.raises(SpecError, match="ratio"):
        REGISTRY.spec(family, {"type": name, "ratio": 0.0})
    part = REGISTRY.spec(family, {"type": name, "ratio": 1e-3}).build(Place(8))
    assert part.get_parameter("down.weight").shape == (8, 1)


def test_what_mixers_and_mlps_promise_where_they_do_not_say() -> None:
    assert Mixer.streams is True
    assert MLP.looks_back is False
    assert (Mixer.hints, MLP.hints) == ({}, {})


@pytest.mark.parametrize(
    ("width", "heads"), [(16, 1), (63, 1), (64, 1), (80, 1), (128, 2), (192, 3), (200, 2), (320, 5)]
)
def test_a_head_for_every_64_features_that_divides_the_width(width: int, heads: int) -> None:
    assert default_heads(width) == heads


def test_heads_of_another_size_and_shares_of_the_width() -> None:
    assert (default_heads(128, 32), default_heads(16, 32)) == (4, 1)
    assert (expanded_size(64, 4, 0.5), expanded_size(64, 4, 2.0), expanded_size(10, 4, 1.0)) == (
        8,
        32,
        0,
    )
    assert heads_misfit(64, 4, "m") == heads_misfit(64, None, "m") == ""
    assert "3 heads do not divide the width 64" in heads_misfit(64, 3, "m")
