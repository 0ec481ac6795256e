"""Verdicts: kept, read, and obeyed with one warning."""

from __future__ import annotations

import warnings
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch

from seqzoo.scan.check import check_scan
from seqzoo.scan.chunked.backend import ChunkedBackend
from seqzoo.scan.elementwise import choice as elementwise
from seqzoo.scan.select import choose_backend
from seqzoo.scan.triton import backend, verdict
from seqzoo.scan.triton.verdict import Machine, keep, read, set_aside, warn_once

from ..oracle import make_case

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


def test_a_family_with_a_wrong_kernel_is_set_aside():
    path = keep(MACHINE, {"elementwise_carry_kernel": "error ratio 1.0"})
    reason = set_aside("elementwise", GPU)
    assert reason is not None
    assert "elementwise_carry_kernel wrong on this machine (error ratio 1.0)" in reason
    assert str(path) in reason
    assert reason.endswith("run seqzoo doctor again")
    assert set_aside("linear", GPU) is None
    assert set_aside("elementwise", torch.device("cpu")) is None


def test_only_a_verdict_is_warned_of_and_once():
    keep(MACHINE, {"carry_kernel": "error ratio 1.0"})
    reason = set_aside("linear", GPU)
    assert reason is not None
    with pytest.warns(RuntimeWarning, match="'triton' is set aside.* carry_kernel"):
        warn_once(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_once(reason)
        warn_once("triton is not installed")


def on_gpu(tensor: torch.Tensor) -> Mock:
    """A tensor that says it lies on a GPU."""
    return Mock(wraps=tensor, device=GPU, dtype=tensor.dtype, shape=tensor.shape)


@pytest.fixture
def wrong(monkeypatch):
    """Both families have a wrong kernel, on a GPU where they could run."""
    keep(MACHINE, {"elementwise_carry_kernel": "off", "carry_kernel": "off"})
    monkeypatch.setattr(elementwise, "available", lambda device: None)
    monkeypatch.setattr(backend, "available", lambda device: None)


def elementwise_with(name: str) -> str:
    tensor = torch.empty(1, 2, 3)
    arguments = (on_gpu(tensor), tensor, None)
    return elementwise.chosen_backend("elementwise_scan", name, arguments).backend


def linear_with(name: str) -> str:
    case = make_case(batch=1, time=3, decay="none", erase="none").to(torch.float32)
    queries, transition, writes, state = case.arguments()
    problem = replace(check_scan(queries, transition, writes, state), queries=on_gpu(queries))
    return choose_backend(problem, name, (backend.TritonBackend(), ChunkedBackend())).name


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("family", ["elementwise", "linear"])
def test_auto_takes_another_backend_and_warns_once(family):
    chosen = {"elementwise": elementwise_with, "linear": linear_with}[family]
    with pytest.warns(RuntimeWarning, match=r"set aside.*carry_kernel wrong") as warned:
        names = [chosen("auto") for _ in range(2)]
    assert len(warned) == 1
    assert set(names) == {"chunked"}


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("family", ["elementwise", "linear"])
def test_asked_for_by_name_it_is_an_error(family):
    chosen = {"elementwise": elementwise_with, "linear": linear_with}[family]
    with pytest.raises(ValueError, match=r"carry_kernel wrong.*run seqzoo doctor again") as error:
        chosen("triton")
    assert str(MACHINE.path) in str(error.value)
