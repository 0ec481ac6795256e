import pytest
import torch

from seqzoo.errors import RunError
from seqzoo.train.determinism import determinism


def test_the_mode_lasts_as_long_as_the_block() -> None:
    before = torch.backends.cudnn.benchmark
    with determinism(False):
        assert not torch.are_deterministic_algorithms_enabled()
    with determinism(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.backends.cudnn.benchmark
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.benchmark == before


def test_a_kernel_without_such_a_form_is_named_with_the_key() -> None:
    message = "cumsum_cuda_kernel does not have a deterministic implementation, but you set 'x'. "
    with pytest.raises(RunError, match=r"^train\.deterministic: cumsum_cuda_kernel does not"):  # noqa: SIM117
        with determinism(True):
            raise RuntimeError(message)
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="something else"):  # noqa: SIM117
        with determinism(True):
            raise RuntimeError("something else")
