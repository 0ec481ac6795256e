"""Mixers with a shape of their own."""

from seqzoo_ttt.mixers.attention_and_rule import AttentionAndRuleMixer as AttentionAndRuleMixer

__all__ = ["AttentionAndRuleMixer"]
