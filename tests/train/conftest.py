from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqzoo.model import LanguageModel, build_model
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.run import RunSpec

MakeSpec = Callable[..., RunSpec]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry(entry_points=[])


@pytest.fixture
def make_spec(registry: Registry) -> MakeSpec:
    """A run of a few tiny steps; `train` is laid over its training settings."""

    def make(
        train: dict[str, Any] | None = None, task: dict[str, Any] | None = None, **top: Any
    ) -> RunSpec:
        settings: dict[str, Any] = {
            "steps": 12,
            "batch_size": 8,
            "log_every": 5,
            "evaluate": {"every": 4, "sequences": 16},
            "checkpoint": {"every": 4},
            "device": "cpu",
        }
        document = {
            "model": {"width": 8, "layers": 1, "mixer": "attention", "dropout": 0.1},
            "task": task or {"type": "parity", "length": 8, "vocab_size": 8, "test_size": 32},
            "train": settings | (train or {}),
            **top,
        }
        return registry.validate(RunSpec, document)

    return make


@pytest.fixture
def model(make_spec: MakeSpec) -> LanguageModel:
    """A tiny one, the same each time."""
    spec = make_spec(
        model={"width": 8, "layers": 1, "mixer": "attention", "tie_embeddings": True}
    ).model
    torch.manual_seed(0)
    return build_model(spec, vocab_size=7)
