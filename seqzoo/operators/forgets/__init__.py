"""Forgets: what a layer keeps of its state."""

from seqzoo.operators.forgets.channel_decay import ChannelDecay as ChannelDecay
from seqzoo.operators.forgets.constant_decay import ConstantDecay as ConstantDecay
from seqzoo.operators.forgets.delta import DeltaForget as DeltaForget
from seqzoo.operators.forgets.forget import DecayForget as DecayForget
from seqzoo.operators.forgets.forget import Forget as Forget
from seqzoo.operators.forgets.gated_delta import GatedDeltaForget as GatedDeltaForget
from seqzoo.operators.forgets.head_decay import HeadDecay as HeadDecay
from seqzoo.operators.forgets.none import NoForget as NoForget

__all__ = [
    "ChannelDecay",
    "ConstantDecay",
    "DecayForget",
    "DeltaForget",
    "Forget",
    "GatedDeltaForget",
    "HeadDecay",
    "NoForget",
]
