"""Injections: what a layer writes into its state."""

from seqzoo.operators.injections.injection import Injection as Injection
from seqzoo.operators.injections.rank_one import RankOneInjection as RankOneInjection

__all__ = ["Injection", "RankOneInjection"]
