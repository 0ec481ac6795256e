import math

import pytest
import torch

from seqzoo.model import LastToken
from seqzoo.model.decoder import LONGEST_WAVE

CPU = torch.device("cpu")


def plain(decoder: LastToken, feature: torch.Tensor, position: int) -> torch.Tensor:
    """The formula, one position at a time."""
    width = decoder.width
    sines = math.ceil(width / 2)
    angles = [position / LONGEST_WAVE ** (index / sines) for index in range(sines)]
    encoding = [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
    place = torch.tensor(encoding[:width], dtype=feature.dtype)
    inner = decoder.content(feature) + decoder.place(place)
    return decoder.down(torch.nn.functional.gelu(inner))


@pytest.mark.parametrize("width", [8, 7])
def test_each_position_is_told_from_the_last_token_and_its_place(width: int) -> None:
    torch.manual_seed(0)
    decoder = LastToken.Spec(ratio=2.0).build(width).double()
    rows, length = 3, 5
    assert decoder.sources(rows, length, CPU).tolist() == [4, 9, 14]
    features = torch.randn(rows, width, dtype=torch.float64)
    positions = torch.tensor([0, 3, 5, 9, 14])
    found = decoder(features, positions, length)
    for position, row in zip(positions.tolist(), found, strict=True):
        expected = plain(decoder, features[position // length], position % length)
        assert torch.allclose(row, expected, atol=1e-5)  # angles are made in float32


def test_no_position_is_no_row() -> None:
    decoder = LastToken.Spec().build(4)
    assert decoder(torch.randn(2, 4), torch.zeros(0, dtype=torch.int64), 3).shape == (0, 4)
