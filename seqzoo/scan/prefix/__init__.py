"""Scans with any aggregator: all prefixes at once, or one after another with the same brackets."""

from seqzoo.scan.prefix.counter import CounterState as CounterState
from seqzoo.scan.prefix.counter import PrefixCounter as PrefixCounter
from seqzoo.scan.prefix.scan import Aggregate as Aggregate
from seqzoo.scan.prefix.scan import prefix_scan as prefix_scan

__all__ = ["Aggregate", "CounterState", "PrefixCounter", "prefix_scan"]
