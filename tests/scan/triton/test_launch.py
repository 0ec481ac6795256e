from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl

from seqzoo.scan.triton.available import interpreting
from seqzoo.scan.triton.configs import Config
from seqzoo.scan.triton.launch import launch, record_launches


@triton.jit
def add_scaled(result, values, others, size, factor, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = at < size
    total = tl.load(values + at, mask=mask, other=0.0) * factor
    if others is not None:
        total += tl.load(others + at, mask=mask, other=0.0)
    tl.store(result + at, total, mask=mask)


CONFIG = Config(num_warps=4, num_stages=1, tiles={"BLOCK": 16})


@pytest.mark.parametrize("with_others", [True, False])
def test_a_kernel_is_started_with_its_tiles(device: torch.device, with_others: bool) -> None:
    values = torch.arange(37.0, device=device)
    others = values.square() if with_others else None
    result = torch.empty_like(values)
    arguments = {"result": result, "values": values, "others": others, "size": 37, "factor": 0.5}
    launch(add_scaled, (3,), arguments, CONFIG)
    wanted = 0.5 * values + (0 if others is None else others)
    torch.testing.assert_close(result, wanted, rtol=0, atol=0)


def test_an_empty_grid_starts_nothing() -> None:
    launch(add_scaled, (0, 4), {}, CONFIG)


def test_recording_is_refused_in_the_interpreter() -> None:
    if not interpreting():
        pytest.skip("natively recording works; tests of compilation show it")
    with pytest.raises(ValueError, match="unset it"), record_launches("sm_90"):
        pass
