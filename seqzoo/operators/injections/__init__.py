"""Injections: what a layer writes into its state."""

from seqzoo.operators.injections.injection import FirstWrite as FirstWrite
from seqzoo.operators.injections.injection import Injection as Injection
from seqzoo.operators.injections.rank_one import RankOneInjection as RankOneInjection

__all__ = ["FirstWrite", "Injection", "RankOneInjection"]
