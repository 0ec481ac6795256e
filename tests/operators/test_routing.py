"""Where tokens go, and what unequal use costs."""

import torch

from seqzoo.operators import Stream
from seqzoo.operators.routing import balance_loss, route


def test_the_tokens_of_each_memory_lie_side_by_side_in_their_order() -> None:
    scores = torch.tensor([[[0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.6, 0.1, 0.3], [0.2, 0.5, 0.3]]])
    scores = torch.cat([scores, scores.flip(1)])
    routing = route(scores, 2, Stream.over(scores))
    first = [(0, [0, 2]), (1, [0, 1, 3]), (2, [1, 2, 3])]
    second = [(0, [5, 7]), (1, [4, 6, 7]), (2, [4, 5, 6])]
    pairs = [(memory, token) for rows in (first, second) for memory, own in rows for token in own]
    assert list(zip(routing.memories.tolist(), routing.tokens.tolist(), strict=True)) == pairs
    assert routing.bounds.tolist() == [0, 2, 5, 8, 10, 13, 16]
    torch.testing.assert_close(routing.weights[0], torch.tensor(0.5 / 0.8))
    torch.testing.assert_close(routing.weights[2], torch.tensor(0.3 / 0.8))


def test_equal_use_costs_least() -> None:
    """The loss is k where all memories are used alike, and more where scores and use agree."""
    even = torch.full((1, 8, 4), 0.25) + 1e-4 * torch.eye(4).repeat(2, 1)
    stream = Stream.over(even)
    assert abs(float(balance_loss(even, route(even, 1, stream))) - 1.0) < 1e-3
    uneven = torch.tensor([0.7, 0.1, 0.1, 0.1]).expand(1, 8, 4)
    assert abs(float(balance_loss(uneven, route(uneven, 1, stream))) - 2.8) < 1e-5
