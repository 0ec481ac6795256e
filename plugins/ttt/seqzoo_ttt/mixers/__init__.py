"""Mixers that are not compositions of slots."""

from seqzoo_ttt.mixers.attention_and_rule import AttentionAndRuleMixer as AttentionAndRuleMixer
from seqzoo_ttt.mixers.causal_conv import CausalConvMixer as CausalConvMixer

__all__ = ["AttentionAndRuleMixer", "CausalConvMixer"]
