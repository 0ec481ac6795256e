"""seqzoo: a zoo of efficient sequence layers, composed in YAML and ablated in grids."""

from collections.abc import Sequence
from pathlib import Path

from seqzoo.registry import Registry as Registry
from seqzoo.registry import hookimpl as hookimpl
from seqzoo.registry import load_registry as load_registry
from seqzoo.spec.grid import GridSpec as GridSpec
from seqzoo.spec.load import load
from seqzoo.spec.run import RunSpec as RunSpec

__all__ = ["GridSpec", "Registry", "RunSpec", "hookimpl", "load_registry", "load_spec"]


def load_spec(
    path: Path | str, registry: Registry | None = None, settings: Sequence[str] = ()
) -> RunSpec | GridSpec:
    """The run or grid of a YAML file. `seqzoo.grid.expand.expand` makes a grid's runs.

    Args:
        path: the file.
        registry: where names of parts are looked up; None means `load_registry()`.
        settings: `path=value` texts laid over the file, as `--set` does.

    Raises:
        SpecError: with every problem found, each at file:line:column.
    """
    registry = registry or load_registry()
    spec = load(path, registry, settings)
    if isinstance(spec, GridSpec) and spec.document.traps:
        from seqzoo.grid.expand import expand

        expand(spec, registry)  # raises: the traps, and all that is wrong with the cells
    return spec
