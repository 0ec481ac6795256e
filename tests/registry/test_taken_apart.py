"""Layers taken apart: the words of each slot."""

import seqzoo
from seqzoo.registry.taken_apart import take_apart, taken_apart

REGISTRY = seqzoo.load_registry()
LAYER = {
    "type": "recurrent",
    "anchor": {"type": "short_conv", "kernel_size": 3, "bias": True},
    "queries": {"norm": {"type": "unit", "epsilon": 1e-5}},
    "injection": {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"},
    "forget": {"type": "gated_delta", "decay": {"type": "head_decay", "initial": 0.5}},
    "readout": {"type": "gated", "norm": "rms_norm", "activation": "silu"},
}


def test_each_slot_in_words() -> None:
    row = take_apart("mine", "here", REGISTRY.spec("mixer", LAYER))
    assert (
        row.projections == "anchor short_conv (kernel size 3, bias); q, k: linear (unit); v: linear"
    )
    assert row.gates == "sigmoid"
    assert row.forget == "gated_delta (head_decay (initial 0.5))"
    assert row.injection == "rank_one"
    assert row.read == "gated (rms_norm, silu)"


def test_a_gate_of_the_forget_and_an_injection_inside_another_count() -> None:
    inner = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "exact_flow"}
    changes = {
        "injection": {"type": "concatenated", "first": inner},
        "forget": {"type": "delta", "key": {"norm": "unit"}, "strength": "twice_sigmoid"},
    }
    row = take_apart("mine", "here", REGISTRY.spec("mixer", LAYER | changes))
    assert row.gates == "exact_flow, twice_sigmoid"
    assert row.injection == "concatenated (rank_one)"
    assert "q, k: linear (unit); v: linear" in row.projections


def test_all_recurrent_presets_are_there() -> None:
    names = {row.name for row in taken_apart(REGISTRY)}
    assert {"prism", "gated_deltanet", "linear_attention"} <= names
    assert "attention" not in names
    assert {row.plugin for row in taken_apart(REGISTRY, "gla")} == {"gla"}
