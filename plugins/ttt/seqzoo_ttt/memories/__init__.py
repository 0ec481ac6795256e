"""Memories: the networks whose weights change as tokens arrive, and the maps they consist of."""

from seqzoo_ttt.memories.linear import LinearMemory as LinearMemory
from seqzoo_ttt.memories.maps import Weights as Weights
from seqzoo_ttt.memories.memory import Memory as Memory
from seqzoo_ttt.memories.mlp import MlpMemory as MlpMemory
from seqzoo_ttt.memories.residual_mlp import ResidualMlpMemory as ResidualMlpMemory
from seqzoo_ttt.memories.swiglu import SwigluMemory as SwigluMemory

__all__ = ["LinearMemory", "Memory", "MlpMemory", "ResidualMlpMemory", "SwigluMemory", "Weights"]
