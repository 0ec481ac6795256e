"""seqzoo: a zoo of efficient sequence layers, composed in YAML and ablated in grids."""

from seqzoo.registry import hookimpl as hookimpl
from seqzoo.registry import load_registry as load_registry

__all__ = ["hookimpl", "load_registry"]
