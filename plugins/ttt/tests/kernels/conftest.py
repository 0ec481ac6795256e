"""Kernels run natively where there is a GPU, else in the interpreter on CPU tensors."""

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before triton is imported

from seqzoo.scan.triton.available import available


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the kernels' tensors lie."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    refusal = available(device)
    if refusal is not None:
        pytest.skip(f"kernels cannot run here: {refusal}")
    return device
