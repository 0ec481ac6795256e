"""How the scans enter autograd and torch.compile.

Each scan can be entered in two ways. An eager call is an autograd function, which saves what its
backward needs. A compiled graph holds a custom operator of namespace `seqzoo`, one node a scan
whatever T is; it saves its inputs alone, and its backward, an operator too, computes the rest
again.
Nothing in a graph depends on the numbers in `cu_seqlens`.

`once` and `refusals` are what all of them share: derivatives that no scan has, refused in words.
"""
