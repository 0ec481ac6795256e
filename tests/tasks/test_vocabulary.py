import torch

from seqzoo.tasks.vocabulary import in_a_row


def test_ranges_follow_one_another() -> None:
    classes, query, noise = in_a_row(("classes", 2), ("query", 1), ("noise", 5), answers="classes")
    assert [(kind.first, kind.stop) for kind in (classes, query, noise)] == [(0, 2), (2, 3), (3, 8)]
    assert [kind.in_input for kind in (classes, query, noise)] == [False, True, True]


def test_draws_stay_in_their_range() -> None:
    _, kind = in_a_row(("other", 4), ("kind", 3))
    generator = torch.Generator().manual_seed(0)
    assert set(kind.draw((50, 2), generator).flatten().tolist()) == {4, 5, 6}
    assert kind.draw_distinct(20, 3, generator).sort(1).values.tolist() == [[4, 5, 6]] * 20
