"""MLPs that learn at test time."""

from seqzoo_ttt.mlps.memory_mlp import MemoryMlp as MemoryMlp

__all__ = ["MemoryMlp"]
