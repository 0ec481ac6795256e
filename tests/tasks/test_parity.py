import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.parity import Parity


def test_every_label_is_the_parity_of_the_bits_found_in_the_noise() -> None:
    task = Parity.Spec(length=12, bits=4).build()
    batch = task.train_batch(10_000, seed=0, step=0)
    starts = set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        places = [place for place, token in enumerate(tokens) if token in (3, 4)]
        assert places == list(range(places[0], places[0] + 4))
        assert labels[-1] == sum(tokens[place] - 3 for place in places) % 2
        assert set(labels[:-1]) == {IGNORED}
        assert tokens[-1] == 2
        assert all(5 <= token < 32 for t, token in enumerate(tokens[:-1]) if t not in places)
        starts.add(places[0])
    assert starts == set(range(8))
    assert 0.4 < batch.labels[:, -1].float().mean() < 0.6


def test_the_smallest_sizes_work() -> None:
    batch = Parity.Spec(length=4, vocab_size=6, bits=3).build().train_batch(5, 0, 0)
    assert ((batch.tokens[:, :3] == 3) | (batch.tokens[:, :3] == 4)).all()


def test_impossible_sizes_are_refused_where_they_are_written() -> None:
    with pytest.raises(ValidationError) as caught:
        Parity.Spec(length=3, vocab_size=5, bits=3)
    errors = {error["loc"]: error["msg"] for error in caught.value.errors()}
    assert "at least 6: two classes, the query" in errors["vocab_size",]
    assert "use length >= 4 or bits <= 2" in errors["bits",]
