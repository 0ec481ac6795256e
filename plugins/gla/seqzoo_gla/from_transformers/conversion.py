"""from_transformers: a module's type from its class, a mixer from its converter."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqzoo.errors import SpecError
from seqzoo.model import Mixer, build_mixer
from seqzoo.registry import Registry
from seqzoo_gla.from_transformers.table import CONVERTERS

__all__ = ["from_transformers"]


def from_transformers(module: nn.Module, registry: Registry | None = None) -> Mixer:
    """The mixer that computes what a recurrent module of transformers computes.

    Args:
        module: such as `model.layers[0].mixer`; its class tells which it is.
        registry: where presets are looked up; None loads all installed plugins.

    Returns:
        A mixer with copies of the module's weights, in their dtypes, on their device and in the
        module's mode (training or evaluation).

    Raises:
        SpecError: no converter knows the module's class, or the module has a setting without a
            counterpart.
    """
    name = type(module).__name__
    if name not in CONVERTERS:
        raise SpecError(
            f"from_transformers knows no module '{name}'; known: {', '.join(sorted(CONVERTERS))}"
        )
    spec, width, weights = _read(module, name)
    mixer = build_mixer(spec, width, registry)
    mixer.to(next(module.parameters()).device)
    mixer.load_state_dict(weights, assign=True)
    return mixer.train(module.training)


def _read(module: nn.Module, name: str) -> tuple[dict[str, Any], int, dict[str, Any]]:
    converted = CONVERTERS[name](module)
    weights = {key: each.detach().clone() for key, each in converted.weights.items()}
    return dict(converted.spec), converted.width, weights
