import pytest
import torch
from pydantic import ValidationError

from seqzoo.tasks import IGNORED
from seqzoo.tasks.mqar import Mqar


@pytest.mark.parametrize("noise", [True, False])
def test_each_key_is_asked_once_and_labelled_with_its_value(noise: bool) -> None:
    spec = Mqar.Spec(length=20, vocab_size=40, num_pairs=4, random_non_queries=noise)
    batch = spec.build().train_batch(10_000, seed=0, step=0)
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        value_of = dict(zip(tokens[0:8:2], tokens[1:8:2], strict=True))
        assert len(value_of) == len(set(value_of.values())) == 4
        assert all(1 <= key < 20 <= value < 40 for key, value in value_of.items())
        asked = [place for place, label in enumerate(labels) if label != IGNORED]
        assert len(asked) == 4
        assert all(place >= 8 and place % 2 == 0 for place in asked)
        assert {tokens[place]: labels[place] for place in asked} == value_of
        if not noise:
            assert all(tokens[place] == 0 for place in range(8, 20) if place not in asked)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_first_gap_follows_the_power_law(power: float) -> None:
    spec = Mqar.Spec(length=16, vocab_size=64, num_pairs=1, power=power, random_non_queries=False)
    batch = spec.build().train_batch(40_000, seed=0, step=0)
    places = (batch.labels != IGNORED).nonzero()[:, 1]
    shares = torch.bincount((places - 2) // 2, minlength=7) / len(places)
    law = torch.arange(1, 8) ** (power - 1)
    assert torch.allclose(shares, law / law.sum(), atol=0.012)  # 5 standard deviations


def test_power_1_places_every_query_uniformly() -> None:
    spec = Mqar.Spec(length=24, vocab_size=64, num_pairs=4, power=1)
    batch = spec.build().train_batch(40_000, seed=0, step=0)
    shares = (batch.labels[:, 8::2] != IGNORED).double().mean(0)
    assert torch.allclose(shares, torch.full((8,), 0.5, dtype=torch.float64), atol=0.0125)  # 5 sd


def test_the_largest_number_of_pairs_fits_exactly() -> None:
    batch = Mqar.Spec(length=16, vocab_size=10, num_pairs=4).build().train_batch(3, 0, 0)
    assert (batch.labels != IGNORED).nonzero()[:, 1].view(3, 4).tolist() == [[8, 10, 12, 14]] * 3


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValidationError, match="need length >= 20, got 16"):
        Mqar.Spec(length=16, num_pairs=5)
    with pytest.raises(ValidationError, match="vocabulary of at least 10"):
        Mqar.Spec(length=16, num_pairs=4, vocab_size=9)
