"""Layers whose state is a vector that decays channel by channel, and their quadratic neighbour."""

from seqzoo.spec import Part

__all__ = ["PARTS"]

PARTS: tuple[type[Part], ...] = ()
