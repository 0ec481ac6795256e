import pytest
import torch

from seqzoo.errors import SpecError
from seqzoo.train.device import choose_device, private_randomness


def test_auto_takes_what_there_is() -> None:
    device = choose_device("auto")
    assert device.type == ("cuda" if torch.cuda.is_available() else device.type)
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_an_error_that_says_what_is() -> None:
    count = torch.cuda.device_count()
    for index in (str(count + 3), "05", "9" * 20):
        with pytest.raises(SpecError, match=f"no 'cuda:{index}'; it has cpu.*device: auto"):
            choose_device(f"cuda:{index}")
    assert choose_device("cpu") == torch.device("cpu")


def test_randomness_is_seeded_inside_and_untouched_outside() -> None:
    device = torch.device("cpu")
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with private_randomness(1, device):
        first = torch.rand(3)
    assert torch.equal(torch.rand(2), expected)
    with private_randomness(1, device):
        assert torch.equal(torch.rand(3), first)
    with private_randomness(2, device):
        assert not torch.equal(torch.rand(3), first)


def test_seeds_beyond_32_bits_are_seeds_of_their_own() -> None:
    # torch's generator on the CPU takes 1 and 1 + 2^32 for the same.
    drawn = []
    for seed in (1, 1 + 2**32, 1 + 2**40, 2**63 - 1):
        with private_randomness(seed, torch.device("cpu")):
            drawn.append(tuple(torch.rand(3).tolist()))
    assert len(set(drawn)) == 4
    torch.manual_seed(1)
    assert drawn[0] == tuple(torch.rand(3).tolist())
