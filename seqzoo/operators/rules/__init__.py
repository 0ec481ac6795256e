"""Rules: serial updates of a memory, for what no parallel scan can compute."""

from seqzoo.operators.rules.delta import DeltaRule as DeltaRule
from seqzoo.operators.rules.rule import Rule as Rule

__all__ = ["DeltaRule", "Rule"]
