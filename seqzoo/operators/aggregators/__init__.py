"""Aggregators: the operation of a prefix scan, associative or not."""

from seqzoo.operators.aggregators.aggregator import Aggregator as Aggregator
from seqzoo.operators.aggregators.aggregator import RowAggregator as RowAggregator
from seqzoo.operators.aggregators.gated_mean import GatedMean as GatedMean

__all__ = ["Aggregator", "GatedMean", "RowAggregator"]
