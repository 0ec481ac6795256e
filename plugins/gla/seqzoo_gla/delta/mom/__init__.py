"""Mixture of Memories (arXiv 2502.13685): a router sends each token to a few memories."""

from seqzoo_gla.delta.mom.mixer import MomMixer

__all__ = ["MomMixer"]
