"""Count the costs of a grid's runs, building each distinct model once."""

from __future__ import annotations

from typing import Literal, cast

import torch

from seqzoo.model import LanguageModel, Mixer, budget, build_model
from seqzoo.spec import PartSpec
from seqzoo.spec.model import ModelSpec
from seqzoo.spec.run import RunSpec

__all__ = ["CostBook", "Kind"]

Kind = Literal["parameters", "state", "flops"]


class CostBook:
    """Counts costs and caches them. torch's random state is left unchanged."""

    def __init__(self) -> None:
        self._sizes: dict[PartSpec, tuple[int, int]] = {}
        self._counts: dict[tuple[Kind, ModelSpec, PartSpec], float] = {}

    def count(self, spec: RunSpec, kind: Kind) -> float:
        """Parameters; elements of state a sequence at the task's length; or FLOPs a token there.

        Raises:
            SpecError: the sizes do not fit each other, or the task's file is missing.
        """
        key = (kind, spec.model, spec.task)
        if key not in self._counts:
            self._counts[key] = self._counted(spec, kind)
        return self._counts[key]

    def _counted(self, spec: RunSpec, kind: Kind) -> float:
        vocab_size, length = self._task(spec.task)
        with torch.random.fork_rng(devices=[]):
            if kind == "flops":  # fused attention counts as nothing on the meta device
                return budget(build_model(spec, vocab_size=vocab_size), length).flops_per_token
            model = _without_numbers(spec, vocab_size)
            return model.parameter_count() if kind == "parameters" else model.state_size(length)

    def streams(self, spec: RunSpec) -> bool:
        """Whether every mixer carries a state, so that its size can be compared."""
        return all(cast("type[Mixer]", block.mixer.part).streams for block in spec.model.blocks())

    def _task(self, spec: PartSpec) -> tuple[int, int]:
        """Vocabulary and length."""
        if spec not in self._sizes:
            task = spec.build()
            self._sizes[spec] = (task.vocab_size, task.length)
        return self._sizes[spec]


def _without_numbers(spec: RunSpec, vocab_size: int) -> LanguageModel:
    """The model on the meta device, or a real one if a part needs actual values."""
    try:
        with torch.device("meta"):
            return build_model(spec, vocab_size=vocab_size)
    except (NotImplementedError, RuntimeError):
        return build_model(spec, vocab_size=vocab_size)
