"""What an operator is where a spec says no more than its name, and the bounds of what it takes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.operators import (
    Activation,
    Anchor,
    DecayForget,
    Dims,
    FirstWrite,
    Forget,
    Gate,
    Hint,
    Injection,
    Norm,
    Place,
    Predictor,
    Projection,
    Readout,
    Rule,
)
from seqzoo.registry import load_registry

REGISTRY = load_registry(entry_points=[])
NO_NORM, LINEAR = (
    {"type": "none"},
    {
        "type": "linear",
        "rank": None,
        "bias": False,
        "kernel_size": 1,
        "conv_bias": False,
        "activation": {"type": "identity"},
        "norm": {"type": "none"},
        "rotary": None,
    },
)
RMS = {"type": "rms_norm", "epsilon": 1e-5, "affine": True}
SQUASHED = {"initial": None, "rank": None}

DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "anchor": {
        "ema": {"decay": 0.5},
        "identity": {},
        "short_conv": {
            "kernel_size": 4,
            "bias": False,
            "activation": {"type": "silu"},
            "norm": NO_NORM,
        },
        "token_shift": {},
    },
    "forget": {
        "channel_decay": {"rank": None, "temperature": 16.0, "lower": None},
        "constant_decay": {"octave": 5.0},
        "delta": {"key": None, "strength": None},
        "gated_delta": {
            "key": None,
            "strength": None,
            "decay": {"type": "head_decay", "initial": 0.99},
        },
        "head_decay": {"initial": 0.99},
        "none": {},
    },
    "gate": {
        "exact_flow": SQUASHED,
        "none": {},
        "sigmoid": SQUASHED,
        "softplus": {"low": 1e-3, "high": 0.1, "rank": None},
        "twice_sigmoid": SQUASHED,
    },
    "injection": {"rank_one": {"key": LINEAR, "value": LINEAR, "strength": {"type": "none"}}},
    "norm": {
        "layer_norm": {"epsilon": 1e-5, "affine": True},
        "none": {},
        "rms_norm": {"epsilon": 1e-5, "affine": True},
        "unit": {"epsilon": 1e-12},
    },
    "predictor": {
        "constant": {"value": 1.0},
        "linear": {},
        "low_rank": {"rank": None, "bias": 0.0},
        "mlp": {"hidden": None, "activation": {"type": "silu"}, "bias": 0.0},
    },
    "projection": {"linear": LINEAR},
    "readout": {
        "gated": {"norm": RMS, "activation": {"type": "silu"}, "rank": None, "gate_bias": False},
        "linear": {"norm": NO_NORM, "bias": False},
    },
    "rule": {"delta": {}},
}


@pytest.mark.parametrize("family", DEFAULTS)
def test_defaults_are_what_the_pages_say(family: str) -> None:
    found = {
        name: REGISTRY.spec(family, name).model_dump(mode="json", context={"complete": True})
        for name in REGISTRY.names(family)
    }
    assert found == {name: {"type": name, **each} for name, each in DEFAULTS[family].items()}


BOUNDS: list[tuple[str, str, str, list[Any], list[Any]]] = [
    ("anchor", "ema", "decay", [1e-6, 0.999], [0.0, 1.0, -0.5, 1.5]),
    ("anchor", "short_conv", "kernel_size", [1, 64], [0, 65]),
    ("forget", "channel_decay", "rank", [1], [0]),
    ("forget", "channel_decay", "temperature", [0.1], [0.0, -1.0]),
    ("forget", "channel_decay", "lower", [-0.1, None], [0.0, 1.0]),
    ("forget", "constant_decay", "octave", [0.1], [0.0, -0.5]),
    ("forget", "head_decay", "initial", [0.001, 0.999], [0.0, 1.0, 1.5, -0.5]),
    ("gate", "sigmoid", "initial", [0.001, 0.999, None], [0.0, 1.0, 1.5, -0.5]),
    ("gate", "sigmoid", "rank", [1, None], [0]),
    ("gate", "softplus", "low", [1e-9, 0.1], [0.0, -0.5]),
    ("gate", "softplus", "high", [1e-3, 9.0], [0.0, -0.5]),
    ("gate", "softplus", "rank", [1, None], [0]),
    ("norm", "unit", "epsilon", [1e-20], [0.0, -0.5]),
    ("norm", "rms_norm", "epsilon", [1e-20], [0.0, -0.5]),
    ("norm", "layer_norm", "epsilon", [1e-20], [0.0, -0.5]),
    ("predictor", "low_rank", "rank", [1, None], [0]),
    ("predictor", "mlp", "hidden", [1, None], [0]),
    ("projection", "linear", "rank", [1, None], [0]),
    ("projection", "linear", "kernel_size", [1, 64], [0, 65]),
    ("readout", "gated", "rank", [1, None], [0]),
]


@pytest.mark.parametrize(
    ("family", "name", "key", "fit", "unfit"), BOUNDS, ids=[f"{b[1]}-{b[2]}" for b in BOUNDS]
)
def test_bounds(family: str, name: str, key: str, fit: list[Any], unfit: list[Any]) -> None:
    for value in fit:
        assert getattr(REGISTRY.spec(family, {"type": name, key: value}), key) == value
    for value in unfit:
        with pytest.raises(SpecError, match=key):
            REGISTRY.spec(family, {"type": name, key: value})


@pytest.mark.parametrize(
    ("rotary", "says"),
    [
        ({"base": 1.0}, "base"),
        ({"fraction": 0.0}, "fraction"),
        ({"fraction": 1.1}, "fraction"),
        ({"pairs": "thirds"}, "pairs"),
    ],
)
def test_bounds_of_rope(rotary: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        REGISTRY.spec("projection", {"type": "linear", "rotary": rotary})


def test_a_mixer_used_alone_is_the_only_layer() -> None:
    assert Place(8) == Place(width=8, layer=0, layers=1, kin=0, kins=1)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (Hint(), "lr"),
        (Place(8), "width"),
        (Dims(Place(8), 2, 4, 4), "heads"),
        (FirstWrite(), "unit_key"),
    ],
)
def test_what_parts_are_told_cannot_be_changed(given: Any, name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(given, name, 3)


def test_hints_and_first_writes_promise_nothing_by_default() -> None:
    assert Hint() == Hint(decay=True, lr=1.0)
    assert FirstWrite() == FirstWrite(unit_key=False, strength="none")


FAMILIES = (
    (Activation, "forward"),
    (Anchor, "forward"),
    (DecayForget, "log_decay"),
    (Forget, "forward"),
    (Gate, "forward"),
    (Injection, "forward"),
    (Norm, "forward"),
    (Predictor, "forward"),
    (Projection, "forward"),
    (Readout, "forward"),
    (Rule, "step"),
)


@pytest.mark.parametrize(("family", "method"), FAMILIES, ids=lambda each: str(each))
def test_a_part_without_its_method_is_refused_when_it_is_defined(family: Any, method: str) -> None:
    with pytest.raises(TypeError, match=rf"lacks what its family requires: .*{method}"):
        type("Empty", (family,), {"name": "empty", "__module__": __name__})


def test_what_a_family_promises_where_a_part_does_not_say() -> None:
    assert (Gate.strength, Norm.unit) == ("unbounded", False)
    assert (Rule.chunk_size, Rule.recompute) == (0, 0)
    projection = type("Own", (Projection,), {"name": "own", "forward": lambda *_: None})
    assert not projection.is_unit(projection.Spec())
    assert seqzoo.operators.Operator.hints == {}
