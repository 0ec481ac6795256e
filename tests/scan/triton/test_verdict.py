"""Verdicts: kept, read, and obeyed with one warning."""

from __future__ import annotations

import warnings
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch

from seqzoo.scan import elementwise
from seqzoo.scan.triton import verdict
from seqzoo.scan.triton.verdict import Machine, keep, read, set_aside

MACHINE = Machine("Some GPU sm_90", "driver 1", "3.7.1", "0.1.0")
GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(verdict, "this_machine", lambda index: MACHINE)
    monkeypatch.setattr(verdict, "interpreting", lambda: False)
    verdict.forget()
    yield
    verdict.forget()


def test_kept_and_read():
    assert read(MACHINE) == {}
    keep(MACHINE, {"elementwise_carry_kernel": "wrong"})
    assert read(MACHINE) == {"elementwise_carry_kernel": "wrong"}
    assert read(replace(MACHINE, driver="driver 2")) == {}
    keep(MACHINE, {})
    assert read(MACHINE) == {}


def test_a_cut_file_is_no_verdict():
    path = keep(MACHINE, {"elementwise_carry_kernel": "wrong"})
    path.write_text(path.read_text()[:40])
    assert read(MACHINE) == {}


def test_a_family_with_a_wrong_kernel_is_set_aside_with_one_warning():
    keep(MACHINE, {"elementwise_carry_kernel": "error ratio 1.0"})
    with pytest.warns(RuntimeWarning, match="'triton' is set aside.*elementwise_carry_kernel"):
        reason = set_aside("elementwise", GPU)
    assert reason is not None
    assert "elementwise_carry_kernel wrong on this machine (error ratio 1.0)" in reason
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set_aside("elementwise", GPU) == reason
        assert set_aside("linear", GPU) is None
        assert set_aside("elementwise", torch.device("cpu")) is None


def test_auto_takes_another_backend(monkeypatch):
    keep(MACHINE, {"elementwise_carry_kernel": "error ratio 1.0"})
    monkeypatch.setattr(elementwise, "available", lambda device: None)
    tensor = torch.empty(1, 2, 3, device="meta")
    on_gpu = Mock(device=GPU, dtype=torch.float32)
    with pytest.warns(RuntimeWarning, match="set aside"):
        assert not elementwise._takes_triton("auto", tensor, on_gpu, None)
    assert elementwise._takes_triton("triton", tensor, on_gpu, None)
