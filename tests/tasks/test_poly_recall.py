import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.poly_recall import PolyRecall


def solve(tokens: list[int]) -> int:
    """The value after the asked context and key; ids of V = 64: values are 31 ... 45."""
    assert tokens[-3] == 0
    found = [
        value
        for context, key, value in zip(tokens[:-3], tokens[1:-3], tokens[2:-3], strict=False)
        if (context, key) == (tokens[-2], tokens[-1])
    ]
    (value,) = found
    assert 31 <= value < 46
    return value


@pytest.mark.parametrize(("keys", "contexts"), [(1, 2), (3, 4)])
def test_every_label_is_the_value_in_the_asked_context(keys: int, contexts: int) -> None:
    batch = PolyRecall.Spec(keys=keys, contexts=contexts).build().train_batch(10_000, 0, 0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        assert labels[-1] == solve(tokens)
        assert set(labels[:-1]) == {IGNORED}
        assert 1 <= tokens[-2] < 16 <= tokens[-1] < 31
        records = [place for place, token in enumerate(tokens[:-3]) if 1 <= token < 16]
        pairs = {(tokens[place], tokens[place + 1]) for place in records}
        assert len(pairs) == len(records) == keys * contexts
        assert len({key for _, key in pairs}) == keys
        assert len({tokens[place + 2] for place in records}) == len(records)
        noise = [token for token in tokens if token >= 46]
        assert len(noise) == 64 - 3 * len(records) - 3


def test_the_asked_record_is_anywhere() -> None:
    batch = PolyRecall.Spec(keys=2).build().train_batch(4000, 0, 0)
    answer = batch.tokens[:, :-3] == batch.labels[:, -1:]
    shares = answer.float().argmax(1).float().mean() / 60
    assert 0.48 < shares < 0.54


def test_a_sequence_without_noise_works() -> None:
    batch = PolyRecall.Spec(length=9, vocab_size=9).build().train_batch(50, 0, 0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        first, second = tokens[0:3], tokens[3:6]
        assert labels[-1] == (first if tokens[-2] == first[0] else second)[2]


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="need length >= 27, got 26"):
        PolyRecall.Spec(length=26, keys=2, contexts=4)
    with pytest.raises(ValidationError, match="vocabulary of at least 33"):
        PolyRecall.Spec(vocab_size=32, keys=2, contexts=4)
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        PolyRecall.Spec(contexts=1)
