"""Layers whose state is a vector that decays channel by channel, and their quadratic neighbours."""

from seqzoo.spec import Part
from seqzoo_gla.elementwise.forgetting_attention import ForgettingAttention
from seqzoo_gla.elementwise.hgrn import Hgrn
from seqzoo_gla.elementwise.latent_attention import LatentAttention
from seqzoo_gla.elementwise.longhorn import Longhorn
from seqzoo_gla.elementwise.mamba1 import Mamba1
from seqzoo_gla.elementwise.mingru import MinGru, PositiveHalf
from seqzoo_gla.elementwise.rglru import GeluTanh, RgLru
from seqzoo_gla.elementwise.rwkv4 import Rwkv4
from seqzoo_gla.elementwise.short_conv import ShortConvMixer

__all__ = [
    "PARTS",
    "ForgettingAttention",
    "GeluTanh",
    "Hgrn",
    "LatentAttention",
    "Longhorn",
    "Mamba1",
    "MinGru",
    "PositiveHalf",
    "RgLru",
    "Rwkv4",
    "ShortConvMixer",
]

PARTS: tuple[type[Part], ...] = (
    ForgettingAttention,
    Hgrn,
    LatentAttention,
    Longhorn,
    Mamba1,
    MinGru,
    RgLru,
    Rwkv4,
    ShortConvMixer,
    GeluTanh,
    PositiveHalf,
)
