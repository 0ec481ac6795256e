"""Denormals are taken for zero while a run trains, and as before afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import seqzoo
from seqzoo.denormals import flushed_denormals
from seqzoo.spec.run import RunSpec
from seqzoo.train import Watch, train

pytestmark = pytest.mark.skipif(
    not torch.set_flush_denormal(False), reason="this processor has no such mode"
)


@pytest.fixture(autouse=True)
def _off_afterwards() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


def flushes() -> bool:
    return torch.tensor(1e-39).mul(0.5).item() == 0.0


@pytest.mark.parametrize("before", [False, True])
def test_the_setting_is_restored_even_after_an_error(before: bool) -> None:
    torch.set_flush_denormal(before)
    with pytest.raises(ZeroDivisionError), flushed_denormals():
        assert flushes()
        raise ZeroDivisionError
    assert flushes() is before


def test_a_run_is_trained_with_it(tmp_path: Path) -> None:
    seen: list[bool] = []

    class Looking(Watch):
        def evaluated(self, row: dict[str, Any]) -> None:
            seen.append(flushes())

    spec = {
        "model": {"width": 8, "layers": 1, "mixer": "gated_deltanet", "mlp": None},
        "task": {"type": "parity", "length": 8, "test_size": 4},
        "train": {"steps": 1, "device": "cpu"},
    }
    catalog = {"catalog": seqzoo.load_registry()}
    train(RunSpec.model_validate(spec, context=catalog), tmp_path, watch=Looking())
    assert seen
    assert all(seen)
    assert not flushes()


def test_a_layer_that_forgets_reaches_denormals_and_gives_the_same_without() -> None:
    """Why: exp of a sum of log decays passes through them."""
    log_decay = torch.linspace(-1.0, -200.0, 4096)
    decays = log_decay.exp()
    tiny = torch.finfo(torch.float32).tiny
    assert ((decays > 0) & (decays < tiny)).any()
    with flushed_denormals():
        flushed = decays * 1.0
    assert not ((flushed > 0) & (flushed < tiny)).any()
    torch.testing.assert_close(flushed, decays, rtol=0.0, atol=tiny)
