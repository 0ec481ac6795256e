import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.modulo_add import ModuloAdd


@pytest.mark.parametrize("modulus", [16, 7])
def test_every_label_is_the_sum_of_the_two_before_the_mark(modulus: int) -> None:
    batch = ModuloAdd.Spec(length=20, modulus=modulus).build().train_batch(10_000, 0, 0)
    starts, answers = set(), [0] * modulus
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        mark = tokens.index(modulus + 1)
        a, b = (token - modulus - 2 for token in tokens[mark - 2 : mark])
        assert 0 <= a < modulus
        assert 0 <= b < modulus
        assert labels[-1] == (a + b) % modulus
        assert set(labels[:-1]) == {IGNORED}
        assert tokens[-1] == modulus
        noise = tokens[: mark - 2] + tokens[mark + 1 : -1]
        assert all(2 * modulus + 2 <= token < 64 for token in noise)
        starts.add(mark - 2)
        answers[labels[-1]] += 1
    assert starts == set(range(17))
    assert max(answers) - min(answers) < 0.3 * 10_000 / modulus


def test_the_smallest_sizes_work() -> None:
    batch = ModuloAdd.Spec(length=4, vocab_size=7, modulus=2).build().train_batch(20, 0, 0)
    assert (batch.tokens[:, 2] == 3).all()
    assert (batch.labels[:, -1] == (batch.tokens[:, 0] + batch.tokens[:, 1]) % 2).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="length must be at least 4, got 3"):
        ModuloAdd.Spec(length=3)
    with pytest.raises(ValidationError, match="vocabulary of at least 35"):
        ModuloAdd.Spec(vocab_size=34)
