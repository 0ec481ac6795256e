"""From specs to modules."""

from __future__ import annotations

from typing import Any, cast

from seqzoo.model.decoded import DecodedModel
from seqzoo.model.language_model import LanguageModel
from seqzoo.model.mixer import Mixer
from seqzoo.operators import Place
from seqzoo.registry import Registry, load_registry
from seqzoo.spec import PartSpec
from seqzoo.spec.model import ModelSpec
from seqzoo.spec.run import RunSpec

__all__ = ["build_mixer", "build_model"]


def build_mixer(
    spec: PartSpec | dict[str, Any] | str, width: int, registry: Registry | None = None
) -> Mixer:
    """One mixer, (B, T, width) -> (B, T, width).

    Args:
        spec: a preset's or mixer's name, a mapping with `type`, or a spec.
        width: features a token; a preset builds at any multiple of 16.
        registry: where names are looked up; None loads all installed plugins.

    Raises:
        SpecError: unknown names or keys, wrong values, sizes that do not fit the width.
    """
    if not isinstance(spec, PartSpec):
        spec = (registry or load_registry()).spec("mixer", spec)
    return spec.build(Place(width))


def build_model(
    spec: RunSpec | ModelSpec | dict[str, Any],
    registry: Registry | None = None,
    *,
    vocab_size: int | None = None,
) -> LanguageModel:
    """A language model, its initial values drawn from torch's global generator.

    Args:
        spec: a run (vocabulary and decoder are its task's), or a model, as spec or mapping.
        registry: where names in a mapping are looked up; None loads all installed plugins.
        vocab_size: the vocabulary of a ModelSpec.

    Raises:
        SpecError: wrong keys or values, or no vocabulary.
    """
    if isinstance(spec, dict):
        model = RunSpec if "model" in spec else ModelSpec
        spec = (registry or load_registry()).validate(model, spec)
    decoder: PartSpec | None = None
    if isinstance(spec, RunSpec):
        if vocab_size is None:
            vocab_size = int(spec.task.build().vocab_size)
        decoder = cast("Any", spec.task.part).decoder(spec.task)
        spec = spec.model
    if vocab_size is None:
        raise ValueError("a model without a task needs vocab_size, the number of tokens it knows")
    if decoder is not None:
        return DecodedModel(spec, vocab_size, decoder)
    return LanguageModel(spec, vocab_size)
