import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.copying import Copying
from seqzoo.tasks.selective_copying import SelectiveCopying


@pytest.mark.parametrize("task", [Copying, SelectiveCopying])
def test_every_label_is_the_next_of_the_tokens_seen(task: type[Copying]) -> None:
    batch = task.Spec(length=24, vocab_size=12, count=5).build().train_batch(10_000, 0, 0)
    first = set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        mark = tokens.index(1)
        assert mark == 18
        seen = [token for token in tokens[:mark] if token != 0]
        assert len(seen) == 5
        assert all(2 <= token < 12 for token in seen)
        assert tokens[mark + 1 :] == [0] * 5
        assert labels == [IGNORED] * 19 + seen
        first.add(next(place for place, token in enumerate(tokens) if token))
    # All but the last of 14 places, which one sequence in 8,568 begins at.
    assert first - {13} == ({0} if task is Copying else set(range(13)))


def test_the_documented_layout() -> None:
    batch = Copying.Spec(length=11, count=3).build().train_batch(1, 0, 0)
    (tokens,), (labels,) = batch.tokens.tolist(), batch.labels.tolist()
    assert tokens == [*labels[8:], 0, 0, 0, 0, 1, 0, 0, 0]


def test_the_smallest_sizes_work() -> None:
    for task in (Copying, SelectiveCopying):
        batch = task.Spec(length=5, vocab_size=4, count=2).build().train_batch(5, 0, 0)
        assert (batch.labels[:, 3:] == batch.tokens[:, :2]).all()


def test_impossible_sizes_are_refused() -> None:
    for task in (Copying, SelectiveCopying):
        with pytest.raises(ValidationError, match="need length >= 33, got 32"):
            task.Spec(length=32, count=16)
        with pytest.raises(ValidationError, match="vocabulary of at least 4"):
            task.Spec(vocab_size=3)
