"""Layers that erase before they write, on the matrix scan: what each adds to core's parts."""

from seqzoo.spec import Part
from seqzoo_gla.delta.channel_erase import ChannelErase
from seqzoo_gla.delta.channel_write import ChannelWrite
from seqzoo_gla.delta.kda_decay import KdaDecay
from seqzoo_gla.delta.product_write import ProductWrite

__all__ = ["PARTS", "ChannelErase", "ChannelWrite", "KdaDecay", "ProductWrite"]

PARTS: tuple[type[Part], ...] = (KdaDecay, ChannelWrite, ChannelErase, ProductWrite)
