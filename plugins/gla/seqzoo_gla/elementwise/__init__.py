"""Layers whose state is a vector that decays channel by channel, and their quadratic neighbour."""

from seqzoo.spec import Part
from seqzoo_gla.elementwise.short_conv import ShortConvMixer

__all__ = ["PARTS", "ShortConvMixer"]

PARTS: tuple[type[Part], ...] = (ShortConvMixer,)
