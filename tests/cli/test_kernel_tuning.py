"""`seqzoo kernels --tune`; the search itself is tests/scan/triton/tuning/test_search.py."""

from __future__ import annotations

import json

import pytest
import torch

from seqzoo.cli import kernel_tuning as command
from seqzoo.cli import main
from seqzoo.scan.triton.aot import catalogue
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.tuning import order, search
from seqzoo.scan.triton.tuning.search import GpuLostError, Tuned
from seqzoo.scan.triton.tuning.tuned_table import TunedTable

CPU = torch.device("cpu")
CASES = tuple(ElementwiseCase(torch.float32, channels=size, time=3) for size in (2, 5))


@pytest.fixture
def searched(table_path, monkeypatch):
    """Searches that find nothing, in the interpreter's place."""
    names: list[tuple[str, int]] = []

    def tune(self, problem):
        names.append((problem.kernel, problem.size))
        config = config_for(problem.kernel, problem.size, CPU)
        self.table.finish(problem.kernel, "interpreter", problem.size)
        return Tuned(problem.kernel, problem.size, config, config, 1.0, 1.0, 5, True)

    monkeypatch.setattr(command, "_gpu", lambda: CPU)
    monkeypatch.setattr(catalogue, "CASES", CASES)
    monkeypatch.setattr(search.Tuner, "tune", tune)
    return names


def test_without_a_gpu(monkeypatch, capsys, table_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["kernels", "--tune"]) == 1
    assert "kernels --tune: no GPU: torch sees none here; run it on" in capsys.readouterr().err
    assert not table_path.exists()


def test_every_search_once(searched, capsys, table_path):
    assert main(["kernels", "--tune"]) == 0
    out = capsys.readouterr().out
    assert len(searched) == len(set(searched)) == 8
    assert f"8 searches for interpreter, into {table_path}" in out
    assert (
        "elementwise_ends_kernel at 5 x 32 bits: 5 tried, none faster than BLOCK_D=2 warps=1" in out
    )
    assert main(["kernels", "--tune"]) == 0
    assert "8 were finished earlier; remove" in capsys.readouterr().out
    assert len(searched) == 8


def test_one_kernel_into_a_file(searched, capsys, tmp_path):
    other = tmp_path / "other.json"
    words = ["kernels", "--tune", "--kernel", "elementwise_carry_kernel", "--out", str(other)]
    assert main(words) == 0
    assert searched == [
        ("elementwise_carry_kernel", (2, 32)),
        ("elementwise_carry_kernel", (5, 32)),
    ]
    assert f"SEQZOO_KERNEL_TABLE={other}" in capsys.readouterr().out
    assert TunedTable(other).is_done("elementwise_carry_kernel", "interpreter", HeadSize(5, 32))


def test_rows(searched, capsys):
    assert main(["kernels", "--tune", "--kernel", "elementwise_ends_kernel", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["size"], row["bits"], row["ms_after"], row["finished"]) for row in rows] == [
        (2, 32, 1.0, True),
        (5, 32, 1.0, True),
    ]


def test_no_time_is_left(searched, capsys):
    assert main(["kernels", "--tune", "--minutes", "0"]) == 0
    assert searched == []
    assert "left: 8 searches; the same command goes on" in capsys.readouterr().out


def test_a_command_does_the_slowest_by_the_model(searched, capsys, monkeypatch):
    monkeypatch.setattr(order, "by_predicted_time", lambda problems, target: problems[::-1])
    assert main(["kernels", "--tune", "--top", "3"]) == 0
    assert "the 3 of 8 searches that take the most time by the model" in capsys.readouterr().out
    assert [name for name, _ in searched] == [
        f"elementwise_{name}_kernel" for name in ("gradients", "outputs", "carry")
    ]
    assert {size for _, size in searched} == {(5, 32)}


def test_a_lost_gpu(searched, capsys, monkeypatch):
    def lose(self, problem):
        raise GpuLostError("the GPU is unusable since a candidate")

    monkeypatch.setattr(search.Tuner, "tune", lose)
    assert main(["kernels", "--tune"]) == 1
    assert "the GPU is unusable since a candidate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tune", "--kernel", "carri"], "no kernel 'carri'; did you mean 'carry'?"),
        (["--tune", "--target", "sm_90"], "leave --target out"),
        (["--minutes", "3"], "go with --tune"),
    ],
)
def test_wrong_words(searched, capsys, words, message):
    assert main(["kernels", *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_no_table(searched, capsys, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert main(["kernels", "--tune", "--out", str(broken)]) == 2
    assert "not a table of kernel configurations" in " ".join(capsys.readouterr().err.split())
