"""Anchors: local, input-only stand-ins for the state read S_{t-1} k_t."""

from seqzoo.operators.anchors.anchor import Anchor as Anchor
from seqzoo.operators.anchors.ema import EmaAnchor as EmaAnchor
from seqzoo.operators.anchors.identity import IdentityAnchor as IdentityAnchor
from seqzoo.operators.anchors.short_conv import ShortConvAnchor as ShortConvAnchor
from seqzoo.operators.anchors.token_shift import TokenShiftAnchor as TokenShiftAnchor

__all__ = ["Anchor", "EmaAnchor", "IdentityAnchor", "ShortConvAnchor", "TokenShiftAnchor"]
