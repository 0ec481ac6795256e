"""The search, with a timer that only looks at the configuration: nothing is timed here."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch
import triton
import triton.language as tl

from seqzoo.scan.triton import configs
from seqzoo.scan.triton.aot.elementwise_case import ElementwiseCase
from seqzoo.scan.triton.architecture import architecture_of
from seqzoo.scan.triton.configs import HeadSize, config_for
from seqzoo.scan.triton.launch import launch
from seqzoo.scan.triton.tuning import search
from seqzoo.scan.triton.tuning.search import GpuLostError, Tuner
from seqzoo.scan.triton.tuning.tuned_table import TunedTable
from seqzoo.scan.triton.tuning.tuning_problem import TuningProblem

SIZE = HeadSize(64, 32)


@triton.jit
def doubling_kernel(result, values, size, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(result + at, 2 * tl.load(values + at, mask=at < size), mask=at < size)


KERNEL = doubling_kernel.__name__


@dataclass(frozen=True)
class Doubling:
    """Raises with two warps, and is wrong with three stages."""

    name: str = "doubling"
    dtype: torch.dtype = torch.float32

    def tensors(self, device):
        return {"values": torch.arange(7.0, device=device)}

    def run(self, tensors, cotangents=None):
        values = tensors["values"]
        config = config_for(KERNEL, SIZE, values.device)
        if config.num_warps == 2:
            raise RuntimeError("out of resources\nmore")
        result = torch.empty_like(values)
        arguments = {"result": result, "values": values, "size": 7}
        launch(doubling_kernel, (-(-7 // config.tiles["BLOCK"]),), arguments, config)
        return {"outputs": result + (config.num_stages == 3)}, {}

    def reference(self, tensors):
        return {"outputs": 2 * tensors["values"]}


PROBLEM = TuningProblem(KERNEL, SIZE, (Doubling(),))


@pytest.fixture
def said():
    return []


def tuner(device, table_path, said, cost, **given):
    """Milliseconds are a function of the configuration."""

    def timer(start):
        start()
        return cost(config_for(KERNEL, SIZE, device))

    return Tuner(
        device, timer, TunedTable(table_path), said.append, larger=lambda case: case, **given
    )


def start_from(table_path, device, num_warps=1, num_stages=1, tile=32):
    row = {"size": 1024, "num_warps": num_warps, "num_stages": num_stages}
    rows = {architecture_of(device): [row | {"tiles": {"BLOCK": tile}}]}
    table_path.write_text(json.dumps({KERNEL: rows}))
    configs.clear()


def test_the_fastest_that_is_right_is_kept(device, table_path, said):
    start_from(table_path, device)
    search = tuner(device, table_path, said, lambda config: 10 / config.num_stages)
    tuned = search.tune(PROBLEM)
    assert tuned.finished
    assert (tuned.before.num_stages, tuned.after.num_stages) == (1, 2)
    assert (tuned.ms_before, tuned.ms_after) == (10, 5)
    assert config_for(KERNEL, SIZE, device) == tuned.after
    assert config_for(KERNEL, HeadSize(1024, 32), device) == tuned.before
    assert any("stages=3: faster, and wrong: doubling, float32" in line for line in said)
    assert any("warps=2 stages=1: RuntimeError: out of resources" in line for line in said)
    assert not any("more" in line for line in said)
    assert search.table.is_done(KERNEL, architecture_of(device), SIZE)


def test_nothing_is_written_where_nothing_is_faster(device, table_path, said):
    start_from(table_path, device)
    text = table_path.read_text()
    tuned = tuner(device, table_path, said, lambda config: 1.0).tune(PROBLEM)
    assert tuned.after == tuned.before
    assert tuned.tried > 3
    assert table_path.read_text() == text


def test_a_little_faster_is_a_matter_of_chance(device, table_path, said):
    start_from(table_path, device)
    tuned = tuner(device, table_path, said, lambda config: 1 - config.num_stages / 1000).tune(
        PROBLEM
    )
    assert tuned.after == tuned.before


def test_one_in_use_that_is_wrong_gives_way_to_any_that_is_right(device, table_path, said):
    start_from(table_path, device, num_stages=3)
    tuned = tuner(device, table_path, said, lambda config: 1.0 + (config.num_stages < 3)).tune(
        PROBLEM
    )
    assert tuned.ms_before == float("inf")
    assert tuned.after.num_stages in (2, 4)
    assert "the one in use is wrong" in said[0]


def test_what_was_found_before_a_kill_stays(device, table_path, said):
    start_from(table_path, device, tile=16)

    def cost(config):
        if config.tiles["BLOCK"] == 64:
            raise KeyboardInterrupt
        return 100 / config.tiles["BLOCK"]

    with pytest.raises(KeyboardInterrupt):
        tuner(device, table_path, said, cost).tune(PROBLEM)
    assert config_for(KERNEL, SIZE, device).tiles["BLOCK"] == 32
    assert not TunedTable(table_path).is_done(KERNEL, architecture_of(device), SIZE)
    resumed = tuner(device, table_path, said, lambda config: 1.0).tune(PROBLEM)
    assert resumed.before.tiles["BLOCK"] == 32


def test_a_deadline_ends_a_search_unfinished(device, table_path, said):
    kernel = "elementwise_ends_kernel"
    case = ElementwiseCase(torch.float32, channels=2, time=3)
    problem = TuningProblem(kernel, HeadSize(2, 32), (case,))
    starts = []

    def timer(start):
        starts.append(start())
        return 1.0

    table = TunedTable(table_path)
    tuned = Tuner(device, timer, table, said.append, 0.0, lambda case: case).tune(problem)
    assert not tuned.finished
    assert (tuned.ms_before, tuned.tried, len(starts), said) == (1.0, 1, 1, [])
    assert not TunedTable(table_path).is_done(KERNEL, architecture_of(device), SIZE)


def test_a_lost_gpu_is_told_and_its_search_not_tried_again(device, table_path, said, monkeypatch):
    start_from(table_path, device)
    monkeypatch.setattr(search, "usable", lambda device: False)
    with pytest.raises(GpuLostError, match=r"unusable since BLOCK=\d+ warps=2 .*again to go on"):
        tuner(device, table_path, said, lambda config: 1.0).tune(PROBLEM)
    assert TunedTable(table_path).is_done(KERNEL, architecture_of(device), SIZE)
