"""Mixers that are not compositions of slots."""

from seqzoo_ttt.mixers.attention_and_rule import AttentionAndRuleMixer as AttentionAndRuleMixer

__all__ = ["AttentionAndRuleMixer"]
