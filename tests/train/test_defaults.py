"""The defaults that docs/training.md names."""

import pytest

from seqzoo.registry import load_registry
from seqzoo.spec.run import CheckpointSpec, EmaSpec, EvaluateSpec, TrainSpec

DEFAULTS = {
    ("optimizer", "adamw"): {"lr": 1e-3, "weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-8},
    ("optimizer", "muon"): {
        "lr": 1e-3,
        "weight_decay": 0.0,
        "momentum": 0.95,
        "nesterov": True,
        "iterations": 5,
        "betas": (0.9, 0.95),
        "eps": 1e-8,
    },
    ("schedule", "constant"): {"warmup": 0},
    ("schedule", "cosine"): {"warmup": 0, "final_ratio": 0.1},
    ("schedule", "wsd"): {"warmup": 0, "decay": 0.2, "shape": "linear", "final_ratio": 0.0},
}


@pytest.mark.parametrize(("family", "name"), DEFAULTS)
def test_parts_have_their_documented_defaults(family: str, name: str) -> None:
    spec = load_registry(entry_points=[]).spec(family, name)
    found = {key: getattr(spec, key) for key in type(spec).model_fields if key != "type"}
    assert found == DEFAULTS[family, name]


def test_so_has_training() -> None:
    defaults = {name: field.default for name, field in TrainSpec.model_fields.items()}
    assert {name: defaults[name] for name in ("batch_size", "accumulate", "clip", "log_every")} == {
        "batch_size": 32,
        "accumulate": 1,
        "clip": 1.0,
        "log_every": 50,
    }
    assert EvaluateSpec() == EvaluateSpec(every=250, sequences=None, batch_size=None)
    assert CheckpointSpec() == CheckpointSpec(every=1000, keep=1, best=False)
    assert EmaSpec().decay == 0.999
