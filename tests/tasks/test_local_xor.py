import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.local_xor import LocalXor


def test_every_label_is_the_xor_of_the_two_before_the_mark() -> None:
    task = LocalXor.Spec(length=9, vocab_size=19).build()  # payload 4...9
    batch = task.train_batch(10_000, seed=0, step=0)
    starts, answers, noise = set(), [], set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        assert tokens.count(3) == 1
        mark = tokens.index(3)
        a, b = tokens[mark - 2], tokens[mark - 1]
        assert 4 <= a < 10
        assert 4 <= b < 10
        assert labels[-1] == int((a % 2) != (b % 2))
        assert set(labels[:-1]) == {IGNORED}
        assert tokens[-1] == 2
        noise |= set(tokens[: mark - 2] + tokens[mark + 1 : -1])
        starts.add(mark - 2)
        answers.append(labels[-1])
    assert noise == set(range(10, 19))
    assert starts == set(range(6))
    assert 0.4 < sum(answers) / len(answers) < 0.6


def test_the_smallest_sizes_work() -> None:
    batch = LocalXor.Spec(length=4, vocab_size=8).build().train_batch(50, 0, 0)
    assert set(batch.tokens[:, :2].flatten().tolist()) == {4, 5}
    assert (batch.tokens[:, 2] == 3).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="length must be at least 4, got 3"):
        LocalXor.Spec(length=3)
    with pytest.raises(ValidationError, match="vocabulary of at least 8"):
        LocalXor.Spec(vocab_size=7)
