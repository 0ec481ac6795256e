"""The scans as operators: what autograd and torch.compile see of them.

Each has two doors to one implementation. Eagerly it is an autograd function, which keeps what its
backward can go on from, and costs next to nothing to enter. In a compiled graph it is a custom
operator of namespace `seqzoo`, whose shapes a fake kernel tells without running it; it keeps its
inputs only, and its backward, an operator too, computes the rest again. Graphs thus hold one node a
scan, whatever T is, and nothing in them depends on the numbers of `cu_seqlens`.
"""

from seqzoo.scan.ops.chunked import chunked_scan as chunked_scan
from seqzoo.scan.ops.elementwise import elementwise_states as elementwise_states

__all__ = ["chunked_scan", "elementwise_states"]
