"""Inner optimizers: how tokens' gradients change a memory's weights."""

from seqzoo_ttt.optimizers.large_chunk import LargeChunkOptimizer as LargeChunkOptimizer
from seqzoo_ttt.optimizers.momentum import MomentumOptimizer as MomentumOptimizer
from seqzoo_ttt.optimizers.optimizer import InnerOptimizer as InnerOptimizer
from seqzoo_ttt.optimizers.sgd import SgdOptimizer as SgdOptimizer

__all__ = ["InnerOptimizer", "LargeChunkOptimizer", "MomentumOptimizer", "SgdOptimizer"]
