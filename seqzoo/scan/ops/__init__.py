"""How the scans enter autograd and torch.compile.

Each scan has two entries. An eager call is an autograd function, which saves what its backward
needs. A compiled graph holds a custom operator of namespace `seqzoo`, one node per scan whatever T
is; it saves only its inputs, and its backward, an operator too, recomputes the rest. Nothing in a
graph depends on the numbers in `cu_seqlens`.

All of them share `once` and `refusals`: derivatives that no scan has are refused with a message.
"""
