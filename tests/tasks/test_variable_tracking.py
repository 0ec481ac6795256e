import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.variable_tracking import VariableTracking


@pytest.mark.parametrize(("variables", "updates"), [(4, 2), (2, 5)])
def test_every_label_is_the_newest_value(variables: int, updates: int) -> None:
    spec = VariableTracking.Spec(variables=variables, updates=updates)
    batch = spec.build().train_batch(10_000, seed=0, step=0)
    last = 0
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        memory: dict[int, int] = {}
        count: dict[int, int] = {}
        newest = None
        for place, token in enumerate(tokens[:-2]):
            if 1 <= token < 22:  # a variable, and its value after it
                newest = tokens[place + 1]
                assert 22 <= newest < 43
                memory[token] = newest
                count[token] = count.get(token, 0) + 1
        assert set(count.values()) == {updates}
        assert len(count) == variables
        assert tokens[-2] == 0
        assert labels[-1] == memory[tokens[-1]]
        assert set(labels[:-1]) == {IGNORED}
        last += labels[-1] == newest
    assert last / 10_000 == pytest.approx(1 / variables, abs=0.02)  # chance, as the task says


def test_a_sequence_without_noise_works() -> None:
    spec = VariableTracking.Spec(length=10, vocab_size=13, variables=2, updates=2)
    batch = spec.build().train_batch(50, 0, 0)
    assert ((batch.tokens[:, 0:8:2] >= 1) & (batch.tokens[:, 0:8:2] < 5)).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="need length >= 18, got 17"):
        VariableTracking.Spec(length=17)
    with pytest.raises(ValidationError, match="vocabulary of at least 25"):
        VariableTracking.Spec(vocab_size=24)
