"""Layers that erase before they write, on the matrix scan: what each adds to the core's parts."""

from seqzoo.spec import Part
from seqzoo_gla.delta.bottleneck import BottleneckProjection
from seqzoo_gla.delta.channel_erase import ChannelErase
from seqzoo_gla.delta.channel_write import ChannelWrite
from seqzoo_gla.delta.comba import CombaQueries, CombaWrite
from seqzoo_gla.delta.erase_then_write import EraseThenWrite
from seqzoo_gla.delta.kda_decay import KdaDecay
from seqzoo_gla.delta.mom import MomMixer
from seqzoo_gla.delta.paired_delta import PairedDelta
from seqzoo_gla.delta.preconditioned import PreconditionedWrite
from seqzoo_gla.delta.product_write import ProductWrite
from seqzoo_gla.delta.q_delta import QDelta
from seqzoo_gla.delta.rwkv7 import (
    Rwkv7ChannelMix,
    Rwkv7Decay,
    Rwkv7Erase,
    Rwkv7Readout,
    Rwkv7Receptance,
    Rwkv7Write,
)

__all__ = [
    "PARTS",
    "BottleneckProjection",
    "ChannelErase",
    "ChannelWrite",
    "CombaQueries",
    "CombaWrite",
    "EraseThenWrite",
    "KdaDecay",
    "MomMixer",
    "PairedDelta",
    "PreconditionedWrite",
    "ProductWrite",
    "QDelta",
    "Rwkv7ChannelMix",
    "Rwkv7Decay",
    "Rwkv7Erase",
    "Rwkv7Readout",
    "Rwkv7Receptance",
    "Rwkv7Write",
]

PARTS: tuple[type[Part], ...] = (
    KdaDecay,
    ChannelWrite,
    ChannelErase,
    ProductWrite,
    PairedDelta,
    CombaWrite,
    CombaQueries,
    PreconditionedWrite,
    QDelta,
    BottleneckProjection,
    EraseThenWrite,
    MomMixer,
    Rwkv7ChannelMix,
    Rwkv7Decay,
    Rwkv7Erase,
    Rwkv7Readout,
    Rwkv7Receptance,
    Rwkv7Write,
)
