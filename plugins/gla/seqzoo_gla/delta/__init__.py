"""Layers that erase before they write, on the matrix scan: what each adds to core's parts."""

from seqzoo.spec import Part

__all__ = ["PARTS"]

PARTS: tuple[type[Part], ...] = ()
