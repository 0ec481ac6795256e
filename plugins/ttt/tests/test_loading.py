"""The distribution loads as a plugin, and new combinations of its parts are YAML."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.errors import SpecError
from seqzoo_ttt import LnReconstruction, MlpMemory, MomentumOptimizer, SgdOptimizer, TttRule

RUN = """\
model:
  width: 32
  layers: 1
  mixer:
    type: ttt
    memory: {memory}
    loss: ln_reconstruction
    optimizer: {optimizer}
    mini_batch: 16
    heads: 2
task: {{type: mqar, vocab_size: 16, length: 16, num_pairs: 2}}
train: {{steps: 1}}
"""


def test_it_loads() -> None:
    points = [p for p in importlib.metadata.entry_points(group="seqzoo") if p.name == "ttt"]
    registry = seqzoo.load_registry(points)
    assert points
    assert registry.broken == ()


@pytest.mark.parametrize(
    ("memory", "optimizer", "parts"),
    [
        ("mlp", "{type: sgd, base_rate: 0.1}", (MlpMemory, SgdOptimizer)),
        (
            "{type: mlp, hidden: 2}",
            "{type: momentum, chunk: 4}",
            (MlpMemory, MomentumOptimizer),
        ),
    ],
)
def test_a_combination_is_yaml(tmp_path: Path, memory: str, optimizer: str, parts: Any) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(RUN.format(memory=memory, optimizer=optimizer))
    registry = seqzoo.load_registry()
    run: Any = seqzoo.load_spec(file, registry=registry)
    model: Any = seqzoo.build_model(run.model, registry, vocab_size=16)
    rule = model.blocks[0].mixer.rule
    assert isinstance(rule, TttRule)
    assert (type(rule.memory), type(rule.optimizer)) == parts
    assert (type(rule.loss), rule.mini_batch) == (LnReconstruction, 16)
    assert model(torch.zeros(1, 5, dtype=torch.long))[0].isfinite().all()


def test_a_memory_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(SpecError, match="memory: unknown memory 'mpl'; did you mean 'mlp'"):
        seqzoo.build_mixer({"type": "ttt", "memory": "mpl"}, 32, seqzoo.load_registry())
