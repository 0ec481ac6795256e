"""The kernels' tests: natively where there is a GPU, else in the interpreter on CPU tensors."""

import pytest
import torch

from seqzoo.scan.triton.available import available


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels' tensors lie."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    refusal = available(device)
    if refusal is not None:
        pytest.skip(f"kernels cannot run here: {refusal}")
    return device
