"""Encoders: from a chunk's tokens to rows for the aggregator and the inference module."""

from seqzoo.operators.encoders.encoder import Encoder as Encoder
from seqzoo.operators.encoders.identity import IdentityEncoder as IdentityEncoder
from seqzoo.operators.encoders.positions import PositionEncoder as PositionEncoder

__all__ = ["Encoder", "IdentityEncoder", "PositionEncoder"]
