"""seqzoo: a zoo of efficient sequence layers, composed in YAML and ablated in grids."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqzoo.model import LanguageModel, Mixer
    from seqzoo.registry import Registry as Registry
    from seqzoo.registry import hookimpl as hookimpl
    from seqzoo.registry import load_registry as load_registry
    from seqzoo.spec import PartSpec
    from seqzoo.spec.grid import GridSpec as GridSpec
    from seqzoo.spec.model import ModelSpec
    from seqzoo.spec.run import RunSpec as RunSpec

__all__ = [
    "GridSpec",
    "Registry",
    "RunSpec",
    "build_mixer",
    "build_model",
    "hookimpl",
    "load_registry",
    "load_spec",
]

_HOMES = {  # imported at first use, so that `seqzoo --help` need not
    "GridSpec": "seqzoo.spec.grid",
    "Registry": "seqzoo.registry",
    "RunSpec": "seqzoo.spec.run",
    "hookimpl": "seqzoo.registry",
    "load_registry": "seqzoo.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqzoo' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def load_spec(
    path: Path | str, registry: "Registry | None" = None, settings: Sequence[str] = ()
) -> "RunSpec | GridSpec":
    """The run or grid of a YAML file. `seqzoo.grid.plan.expansion.expand` makes a grid's runs.

    Args:
        path: the file.
        registry: where names of parts are looked up; None means `load_registry()`.
        settings: `path=value` texts laid over the file, as `--set` does.

    Raises:
        SpecError: with every problem found, each at file:line:column.
    """
    from seqzoo.registry import load_registry
    from seqzoo.spec.grid import GridSpec
    from seqzoo.spec.load import load

    registry = registry or load_registry()
    spec = load(path, registry, settings)
    if isinstance(spec, GridSpec) and spec.document.traps:
        from seqzoo.grid.plan.expansion import expand

        expand(spec, registry)  # raises: the traps, and all that is wrong with the cells
    return spec


def build_mixer(
    spec: "PartSpec | dict[str, Any] | str", width: int, registry: "Registry | None" = None
) -> "Mixer":
    """One mixer, (B, T, width) -> (B, T, width); see `seqzoo.model.build_mixer`."""
    from seqzoo import model

    return model.build_mixer(spec, width, registry)


def build_model(
    spec: "RunSpec | ModelSpec | dict[str, Any]",
    registry: "Registry | None" = None,
    *,
    vocab_size: int | None = None,
) -> "LanguageModel":
    """A language model of a run's or a model's spec; see `seqzoo.model.build_model`."""
    from seqzoo import model

    return model.build_model(spec, registry, vocab_size=vocab_size)
