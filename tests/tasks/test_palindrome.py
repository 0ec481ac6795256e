import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.palindrome import Palindrome


@pytest.mark.parametrize("span", [3, 4, 2])
def test_every_label_says_whether_the_ends_are_equal(span: int) -> None:
    batch = Palindrome.Spec(length=20, span=span).build().train_batch(10_000, 0, 0)
    starts, answers = set(), 0
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        mark = tokens.index(3)
        word = tokens[mark - span : mark]
        assert all(4 <= token < 18 for token in word)
        if span == 3:
            assert labels[-1] == int(word == word[::-1])
        assert labels[-1] == int(word[0] == word[-1])
        assert set(labels[:-1]) == {IGNORED}
        assert tokens[-1] == 2
        noise = tokens[: mark - span] + tokens[mark + 1 : -1]
        assert all(18 <= token < 32 for token in noise)
        starts.add(mark - span)
        answers += labels[-1]
    assert starts == set(range(19 - span))
    assert 0.48 < answers / 10_000 < 0.52


def test_the_smallest_sizes_work() -> None:
    batch = Palindrome.Spec(length=4, vocab_size=8, span=2).build().train_batch(50, 0, 0)
    assert set(batch.tokens[:, :2].flatten().tolist()) == {4, 5}


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="length >= 5 or span <= 2"):
        Palindrome.Spec(length=4)
    with pytest.raises(ValidationError, match="vocabulary of at least 8"):
        Palindrome.Spec(vocab_size=7)
