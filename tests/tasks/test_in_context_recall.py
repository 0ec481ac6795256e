import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.in_context_recall import InContextRecall, expected_labels


def noisy(**settings: int) -> InContextRecall.Spec:
    return InContextRecall.Spec(vocab_size=32, noise_vocab=16, noise_share=0.2, **settings)


@pytest.mark.parametrize(
    ("spec", "share"),
    [(InContextRecall.Spec(length=40), 0.0), (noisy(length=40), 0.2), (noisy(length=41), 0.2)],
)
def test_every_label_is_the_value_that_the_key_had(
    spec: InContextRecall.Spec, share: float
) -> None:
    batch = spec.build().draw(10_000, torch.Generator().manual_seed(0))
    noise = asked = 0
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        memory: dict[int, int] = {}
        for place in range(0, len(tokens), 2):
            token = tokens[place]
            wanted = IGNORED
            if token < 8:
                wanted = memory.get(token, IGNORED)
                if place + 1 < len(tokens):
                    value = tokens[place + 1]
                    assert 8 <= value < 16
                    assert memory.setdefault(token, value) == value
            else:
                assert 16 <= token < 32
                assert place > 0
                noise += 1
            assert labels[place] == wanted
            asked += wanted != IGNORED
        assert set(labels[1::2]) == {IGNORED}
    assert noise / (10_000 * (spec.length + 1) // 2) == pytest.approx(share, abs=0.02)
    assert asked > 40_000


def test_training_labels_are_the_next_tokens() -> None:
    task = InContextRecall.Spec(length=9).build()
    batch = task.train_batch(200, seed=1, step=2)
    assert torch.equal(batch.labels[:, :-1], batch.tokens[:, 1:])
    assert (batch.tokens[:, 0::2] < 8).all()
    assert (batch.tokens[:, 1::2] >= 8).all()
    assert (batch.labels[:, -1] >= 8).all()


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="vocab_size must be at least 20, got 16"):
        InContextRecall.Spec(noise_vocab=16)
    with pytest.raises(ValidationError, match="needs token ids: set noise_vocab"):
        InContextRecall.Spec(noise_share=0.1)


@pytest.mark.parametrize(
    ("length", "vocab_size", "share"), [(8, 16, 0.0), (9, 16, 0.5), (40, 24, 0.9), (4, 20, 0.3)]
)
def test_the_labels_on_average_are_those_that_are_drawn(
    length: int, vocab_size: int, share: float
) -> None:
    noise = 16 if share else 0
    vocab_size += noise
    spec = InContextRecall.Spec(
        length=length, vocab_size=vocab_size, noise_vocab=noise, noise_share=share, test_size=10_000
    )
    drawn = spec.build().draw(10_000, torch.Generator().manual_seed(0))
    mean = expected_labels(-(-length // 2), (vocab_size - noise) // 2, share)
    assert (drawn.labels != IGNORED).sum().item() / 10_000 == pytest.approx(mean, rel=0.05)


def test_noise_that_leaves_no_label_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(ValidationError, match=r"the test set would have .* labels on average"):
        InContextRecall.Spec(length=4, vocab_size=32, noise_vocab=16, noise_share=0.999)
    with pytest.raises(ValidationError, match=r"would have 0.12 labels on average"):
        InContextRecall.Spec(length=4, test_size=1)
