"""Projections: how queries, keys and values are made from the anchor."""

from seqzoo.operators.projections.linear import LinearProjection as LinearProjection
from seqzoo.operators.projections.projection import Projection as Projection

__all__ = ["LinearProjection", "Projection"]
