from itertools import groupby

import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.fuzzy_recall import FuzzyRecall


def test_every_label_is_the_next_token_of_a_value_seen_before() -> None:
    spec = FuzzyRecall.Spec(length=60, vocab_size=12, motifs=2)
    batch = spec.build().draw(10_000, torch.Generator().manual_seed(0))
    asked, key_sizes, value_sizes = 0, set(), set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        runs = [
            (is_value, tuple(run))
            for is_value, run in groupby(tokens, key=lambda token: token >= 6)
        ]
        memory: dict[tuple[int, ...], tuple[int, ...]] = {}
        wanted = [IGNORED] * len(tokens)
        place = 0
        for (_, key), (_, value) in zip(runs[0::2], runs[1::2], strict=False):
            place += len(key)
            whole = memory.get(key)
            if whole is not None:
                last = place + len(value) == len(tokens)
                assert value == whole[: len(value)] if last else value == whole
                if len(key) == 3:
                    wanted[place - 1 : place - 1 + len(whole)] = whole
            else:
                memory[key] = value
                key_sizes.add(len(key))
                value_sizes.add(len(value))
            place += len(value)
        wanted = wanted[: len(tokens)]
        if len(runs) % 2:  # the sequence ends in a key, maybe a whole one
            place += len(runs[-1][1])
            known = memory.get(runs[-1][1])
            if known is not None and len(runs[-1][1]) == 3:
                wanted[-1] = known[0]
        assert place == len(tokens)
        assert labels == wanted
        asked += sum(label != IGNORED for label in labels)
        assert len(memory) <= 7  # 6, and the cut one
    assert key_sizes == value_sizes == {1, 2, 3}
    assert asked > 50_000


def test_training_labels_are_the_next_tokens() -> None:
    task = FuzzyRecall.Spec().build()
    batch = task.train_batch(64, seed=1, step=2)
    assert torch.equal(batch.labels[:, :-1], batch.tokens[:, 1:])
    assert batch.tokens.shape == (64, 128)
    # All of a row is written: no run of one kind is longer than the largest motif.
    for tokens in batch.tokens.tolist():
        assert max(len(list(run)) for _, run in groupby(tokens, key=lambda token: token >= 8)) <= 3


def test_one_token_each_is_plain_recall() -> None:
    batch = FuzzyRecall.Spec(length=8, vocab_size=4, key_size=1, value_size=1, motifs=2).build()
    tokens = batch.train_batch(50, 0, 0).tokens
    assert (tokens[:, 0::2] < 2).all()
    assert (tokens[:, 1::2] >= 2).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="comes twice in length 12 or more, got 11"):
        FuzzyRecall.Spec(length=11)
    with pytest.raises(ValidationError, match="need vocab_size >= 18, got 16"):
        FuzzyRecall.Spec(motifs=9)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (4, 1), (1, 4)])
def test_a_test_set_that_may_have_no_label_is_refused(sizes: tuple[int, int]) -> None:
    key_size, value_size = sizes
    length = 2 * (key_size + value_size)
    settings = {"length": length, "key_size": key_size, "value_size": value_size, "motifs": 4}
    with pytest.raises(ValidationError, match="labels on average, and may have none"):
        FuzzyRecall.Spec(test_size=2, **settings)
    # The smallest number of sequences that is taken has labels, and more than half of what it says.
    size = next(n for n in range(2, 5000) if _taken(FuzzyRecall, test_size=n, **settings))
    (batch,) = FuzzyRecall.Spec(test_size=size, **settings).build().test_batches(size)
    assert (batch.labels != IGNORED).sum() >= 5


def _taken(task: type[FuzzyRecall], **settings: int) -> bool:
    try:
        task.Spec(**settings)
    except ValidationError:
        return False
    return True


def test_more_keys_than_there_are_numbers_are_refused() -> None:
    with pytest.raises(
        ValidationError, match=r"more than 2\^63 keys of 8 of 2,048 .* can be 5 here"
    ):
        FuzzyRecall.Spec(vocab_size=4096, key_size=8)
    largest = FuzzyRecall.Spec(vocab_size=4096, key_size=5).build()
    assert largest.draw(2, torch.Generator().manual_seed(0)).tokens.max() < 4096
