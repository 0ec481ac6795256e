"""Other libraries' kernels for the shared scan, as backends that a spec can name."""

from __future__ import annotations

from seqzoo.spec import Part
from seqzoo_gla.backends.fla import FlaScan

__all__ = ["PARTS", "FlaScan"]

PARTS: tuple[type[Part], ...] = (FlaScan,)
