"""What probes look at: models of PRISM's layers, untrained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqzoo.model import build_model
from seqzoo.probe import Subject
from seqzoo.probe.trace import traces
from seqzoo.registry import load_registry
from seqzoo.spec.run import RunSpec

REGISTRY = load_registry()


@pytest.fixture
def subject() -> Callable[[Any], Subject]:
    def make(mixer: Any, length: int = 10) -> Subject:
        document = {
            "model": {"width": 16, "layers": 1, "mixer": mixer},
            "task": {"type": "parity", "length": length, "vocab_size": 8},
            "train": {"steps": 1},
        }
        spec = REGISTRY.validate(RunSpec, document)
        torch.manual_seed(0)
        model = build_model(spec)
        tokens = next(iter(spec.task.build().test_batches(3))).tokens[:3]
        return Subject(spec, model, tokens, traces(model, tokens))

    return make
