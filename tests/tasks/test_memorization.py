import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.memorization import Memorization


def test_every_label_is_that_of_one_dictionary() -> None:
    memory: dict[int, int] = {}
    for seed, length in ((0, 32), (1, 7)):
        batch = Memorization.Spec(length=length).build().train_batch(10_000 // (seed + 1), seed, 0)
        for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
            for place in range(1, length, 2):
                key, blank = tokens[place - 1 : place + 1]
                assert 1 <= key < 128
                assert blank == 0
                assert 128 <= labels[place] < 256
                assert memory.setdefault(key, labels[place]) == labels[place]
            assert set(labels[0::2]) == {IGNORED}
    assert set(memory) == set(range(1, 128))
    (test,) = Memorization.Spec().build().test_batches(5000)
    assert all(
        memory[key] == value
        for key, value in zip(
            test.tokens[:, 0::2].flatten().tolist(),
            test.labels[:, 1::2].flatten().tolist(),
            strict=True,
        )
    )


def test_another_dictionary() -> None:
    first, second = (
        Memorization.Spec(dictionary_seed=seed).build().dictionary for seed in (12345, 1)
    )
    assert not torch.equal(first, second)


def test_chance_is_the_commonest_value_for_every_key() -> None:
    task = Memorization.Spec().build()
    batch = task.train_batch(4000, 0, 0)
    labels = batch.labels[batch.labels != IGNORED]
    commonest = labels.bincount().max() / len(labels)
    assert task.metric.chance is not None
    assert abs(float(commonest) - task.metric.chance) < 0.005


def test_a_seed_beyond_what_the_generator_takes_is_refused() -> None:
    with pytest.raises(ValidationError, match="dictionary_seed"):
        Memorization.Spec(dictionary_seed=2**32)
