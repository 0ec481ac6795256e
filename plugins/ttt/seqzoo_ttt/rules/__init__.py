"""Rules: how a token updates a memory when the update depends on the memory itself."""

from seqzoo_ttt.rules.delayed import DelayedRule as DelayedRule
from seqzoo_ttt.rules.ideal_solver import IdealSolverRule as IdealSolverRule
from seqzoo_ttt.rules.m2rnn import M2rnnRule as M2rnnRule
from seqzoo_ttt.rules.omega import OmegaRule as OmegaRule
from seqzoo_ttt.rules.ttt import TttRule as TttRule

__all__ = ["DelayedRule", "IdealSolverRule", "M2rnnRule", "OmegaRule", "TttRule"]
