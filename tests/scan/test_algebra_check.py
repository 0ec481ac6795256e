"""Arguments of the wider algebra that do not fit each other."""

from __future__ import annotations

import pytest
import torch

from seqzoo.scan import Erase, Transition, Writes, scan

from .dense import K, V


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: Erase(strength=torch.ones(1), along_key=True), "along_key erases along"),
        (
            lambda: Erase(torch.ones(1), write=torch.ones(1), along_key=True),
            "needs a read of its own",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 3, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 3, K), torch.zeros(1, 2, 1, 4, V)),
            ),
            "a multiple of the number of key heads, got H = 4 in writes.values and G = 3",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 1, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 1, K), torch.zeros(1, 2, 1, 1, V), steps=2),
            ),
            r"writes.keys must have shape \(B, S, R, G, K\) = \(1, 4, R, 1, 5\)",
        ),
        (
            lambda: scan(
                torch.zeros(1, 2, 1, K),
                Transition(),
                Writes(torch.zeros(1, 2, 1, 1, K), torch.zeros(1, 2, 1, 1, V), steps=0),
            ),
            "writes.steps must be a positive integer, got 0",
        ),
    ],
)
def test_what_does_not_fit_is_said(function, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function()
