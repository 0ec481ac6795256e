"""Draws against probabilities worked out by hand."""

import math

import pytest
import torch

from seqzoo.model.sampling import Sampling

SHARES = torch.tensor([[0.1, 0.4, 0.2, 0.3]])


def test_top_k_keeps_the_k_most_likely() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0]]).expand(500, 4)
    generator = torch.Generator().manual_seed(0)
    assert set(Sampling(1.0, 2).draw(logits, generator).tolist()) == {1, 3}
    assert set(Sampling(0.0).draw(logits, generator).tolist()) == {1}
    assert set(Sampling(1.0, 9).draw(logits, generator).tolist()) == {0, 1, 2, 3}
    equal = Sampling(1.0, 2).probabilities(torch.zeros(1, 4))
    assert sorted(equal[0].tolist()) == [0.0, 0.0, 0.5, 0.5]


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [
        (0.05, [1]),
        (0.4, [1]),
        (0.41, [1, 3]),
        (0.7, [1, 3]),
        (0.75, [1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ],
)
def test_top_p_keeps_the_fewest_that_reach_it(top_p: float, kept: list[int]) -> None:
    shares = Sampling(top_p=top_p).probabilities(SHARES.log())
    wanted = torch.zeros(4)
    wanted[kept] = SHARES[0, kept] / SHARES[0, kept].sum()
    assert torch.allclose(shares[0], wanted, atol=1e-6)


def test_top_p_looks_at_what_top_k_left() -> None:
    shares = Sampling(top_k=2, top_p=0.5).probabilities(SHARES.log())
    assert shares[0].tolist() == [0, 1, 0, 0]  # .4 of the .7 that are left is more than half


def test_temperature_sharpens() -> None:
    logits = torch.tensor([[0.0, 1.0]]).expand(4000, 2)
    generator = torch.Generator().manual_seed(0)
    cold = Sampling(0.5).draw(logits, generator).double().mean()
    hot = Sampling(2.0).draw(logits, generator).double().mean()
    assert float(cold) == pytest.approx(0.881, abs=0.02)
    assert float(hot) == pytest.approx(0.622, abs=0.03)
    tiny = Sampling(1e-30).probabilities(torch.tensor([[50.0, 60.0, -70.0]]))
    assert tiny.tolist() == [[0, 1, 0]]


def test_with_a_generator_each_a_row_does_not_depend_on_the_others() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))

    def own(*seeds: int) -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    together = Sampling().draw(logits, own(1, 2, 3))
    for row in range(3):
        alone = Sampling().draw(logits[row : row + 1], own(row + 1))
        assert int(alone) == int(together[row])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "temperature is 0"),
        ({"temperature": math.nan}, "temperature is 0"),
        ({"temperature": math.inf}, "temperature is 0"),
        ({"top_k": 0}, "top_k is 1"),
        ({"top_p": 0.0}, "top_p is more than 0"),
        ({"top_p": 1.5}, "top_p is more than 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)
