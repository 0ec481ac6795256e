import pytest
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.mux import Mux


@pytest.mark.parametrize("channels", [2, 4])
def test_every_label_is_the_selected_channel(channels: int) -> None:
    task = Mux.Spec(length=20, channels=channels).build()
    batch = task.train_batch(10_000, seed=0, step=0)
    first_payload = 2 + channels
    starts, chosen = set(), [0] * channels
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        mark = tokens.index(1)
        selector, *values = tokens[mark - channels - 1 : mark]
        assert 2 <= selector < first_payload
        assert all(first_payload <= value < task.vocabulary()[3].stop for value in values)
        assert len(set(values)) == channels
        assert labels[-1] == values[selector - 2]
        assert set(labels[:-1]) == {IGNORED}
        assert tokens[-1] == 0
        noise = tokens[: mark - channels - 1] + tokens[mark + 1 : -1]
        assert min(noise) >= task.vocabulary()[3].stop
        starts.add(mark - channels - 1)
        chosen[selector - 2] += 1
    assert starts == set(range(18 - channels))
    assert min(chosen) > 0.9 * 10_000 / channels


def test_the_smallest_sizes_work() -> None:
    batch = Mux.Spec(length=5, vocab_size=8).build().train_batch(50, 0, 0)
    assert set(batch.tokens[:, 1:3].flatten().tolist()) == {4, 5}


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="use length >= 6 or channels <= 2"):
        Mux.Spec(length=5, channels=3)
    with pytest.raises(ValidationError, match="vocabulary of at least 8"):
        Mux.Spec(vocab_size=7)
