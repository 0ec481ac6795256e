import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.silence_gate import SilenceGate


@pytest.mark.parametrize("records", [1, 3])
def test_every_label_is_the_value_or_null(records: int) -> None:
    batch = SilenceGate.Spec(length=24, records=records).build().train_batch(10_000, 0, 0)
    silent, places = 0, set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        memory: dict[int, int] = {}
        for place, token in enumerate(tokens):
            if token in (2, 3):  # a gate, and its key and value after it
                key, value = tokens[place + 1 : place + 3]
                assert 4 <= key < 13 <= value < 22
                assert key not in memory
                memory[key] = value if token == 3 else 0
                places.add(place)
        assert len(memory) == records
        assert tokens[-2] == 1
        assert labels[-1] == memory[tokens[-1]]
        assert set(labels[:-1]) == {IGNORED}
        assert sum(token >= 22 for token in tokens) == 24 - 3 * records - 2
        silent += labels[-1] == 0
    assert places == set(range(20))
    assert 0.48 < silent / 10_000 < 0.52


def test_the_smallest_sizes_work() -> None:
    batch = SilenceGate.Spec(length=5, vocab_size=7, records=1).build().train_batch(20, 0, 0)
    assert (batch.tokens[:, 1:] == batch.tokens.new_tensor([4, 5, 1, 4])).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"2 records .* need length >= 8, got 7"):
        SilenceGate.Spec(length=7)
    with pytest.raises(ValidationError, match="vocabulary of at least 13"):
        SilenceGate.Spec(vocab_size=12, records=3)
