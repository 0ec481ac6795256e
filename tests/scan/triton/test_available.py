"""What a compiled graph takes as constant is marked as torch marks it."""

from __future__ import annotations

import torch

from seqzoo.scan.triton.available import same_when_compiled


def test_the_mark_is_that_of_torch() -> None:
    def ours() -> None: ...

    def theirs() -> None: ...

    marked = torch.compiler.assume_constant_result(theirs)

    assert same_when_compiled(ours) is ours
    assert vars(ours) == vars(marked) != {}
