"""Sequences of a released task, as plain lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seqzoo.tasks import IGNORED
from seqzoo_prism.released import ReleasedTask

Rows = list[tuple[list[int], int]]


@pytest.fixture
def rows() -> Callable[[type[ReleasedTask]], Rows]:
    """A function: 20,000 sequences of a task at its default sizes, each with its last label."""

    def draw(part: type[ReleasedTask]) -> Rows:
        batch = part.Spec().build().train_batch(20_000, 0, 0)
        assert (batch.labels[:, :-1] == IGNORED).all()
        return list(zip(batch.tokens.tolist(), batch.labels[:, -1].tolist(), strict=True))

    return draw
