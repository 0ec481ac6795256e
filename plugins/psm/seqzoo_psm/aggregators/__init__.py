"""Aggregators: Transformer layers, an MLP, and two monoids, affine maps and (max, +)."""

from seqzoo_psm.aggregators.affine import AffineAggregator as AffineAggregator
from seqzoo_psm.aggregators.max_plus import MaxPlusAggregator as MaxPlusAggregator
from seqzoo_psm.aggregators.mlp import MlpAggregator as MlpAggregator
from seqzoo_psm.aggregators.softmax import SoftmaxAggregator as SoftmaxAggregator

__all__ = ["AffineAggregator", "MaxPlusAggregator", "MlpAggregator", "SoftmaxAggregator"]
