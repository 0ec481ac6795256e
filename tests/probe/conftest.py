"""Traces of untrained models, and a trained run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqzoo.model import build_model
from seqzoo.probe import Subject
from seqzoo.probe.trace import traces
from seqzoo.registry import Registry, load_registry
from seqzoo.spec.run import RunSpec

MakeSubject = Callable[..., Subject]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry(entry_points=[])


@pytest.fixture
def subject(registry: Registry) -> MakeSubject:
    """A function: a model of these mixers, and what it makes of random tokens."""

    def make(mixer: Any, layers: int = 1, length: int = 12, width: int = 8) -> Subject:
        document = {
            "model": {"width": width, "layers": layers, "mixer": mixer},
            "task": {"type": "parity", "length": length, "vocab_size": 8},
            "train": {"steps": 1},
        }
        spec = registry.validate(RunSpec, document)
        torch.manual_seed(0)
        model = build_model(spec)
        tokens = next(iter(spec.task.build().test_batches(3))).tokens[:3]
        return Subject(spec, model, tokens, traces(model, tokens))

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Path:
    """A run of a few steps, of a delta rule with two heads."""
    from seqzoo.train import train

    forget = {"type": "gated_delta", "decay": "head_decay"}
    injection = {"type": "rank_one", "key": {"norm": "unit"}, "strength": "sigmoid"}
    mixer = {"type": "recurrent", "heads": 2, "injection": injection, "forget": forget}
    spec = registry.validate(
        RunSpec,
        {
            "model": {"width": 8, "layers": 2, "mixer": mixer},
            "task": {"type": "parity", "length": 10, "vocab_size": 8, "test_size": 16},
            "train": {"steps": 3, "batch_size": 4, "device": "cpu"},
        },
    )
    directory = tmp_path_factory.mktemp("probed") / "run"
    train(spec, directory)
    return directory
