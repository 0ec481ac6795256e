from __future__ import annotations

import json

import pytest
import torch

from seqzoo.cli import main
from seqzoo.scan.triton import verdict
from seqzoo.scan.triton.aot import catalogue
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase

SMALL = ElementwiseCase(torch.float32, channels=2, time=5)


class Wrong(ElementwiseCase):
    """Its kernels give zeros."""

    def run(self, tensors, cotangents=None):
        results, gradients = super().run(tensors, cotangents)
        return {name: 0 * x for name, x in results.items()}, gradients


def check_only(monkeypatch: pytest.MonkeyPatch, case: ElementwiseCase) -> None:
    only = catalogue.Catalogue((case,), ())
    monkeypatch.setattr(catalogue, "catalogue_with", lambda _: only)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    verdict.forget()


without_gpu = pytest.mark.skipif(
    torch.cuda.is_available(), reason="the interpreter is chosen before triton is imported"
)


def test_without_a_gpu_it_says_so(capsys, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "kernels    not checked: torch sees no GPU here" in out
    assert f"torch      {torch.__version__}" in out
    assert "plugin     seqzoo-prism" in out


@without_gpu
def test_right_kernels_in_the_interpreter(capsys, monkeypatch, tmp_path) -> None:
    check_only(monkeypatch, SMALL)
    assert main(["doctor", "--interpret"]) == 0
    assert "right      elementwise D=2, float32: worst error ratio" in capsys.readouterr().out
    assert list(tmp_path.rglob("*.json")) == []  # nothing is kept of an interpreter


@without_gpu
def test_a_wrong_kernel_is_named_and_fails(capsys, monkeypatch) -> None:
    check_only(monkeypatch, Wrong(torch.float32, channels=2, time=5))
    assert main(["doctor", "--interpret", "--json"]) == 1
    out, err = capsys.readouterr()
    facts = json.loads(out)
    (row,) = facts["kernels"]
    assert "elementwise_outputs_kernel" in row["kernels"]
    assert row["errors"]["outputs"][0] == pytest.approx(1.0)
    assert "kernel elementwise_outputs_kernel is wrong: elementwise D=2, float32: error" in err
