import time

import pytest

from seqzoo import load_registry
from seqzoo.errors import SpecError
from seqzoo.grid.plan.expansion import expand
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec

BASE = """\
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 10}
"""


def problem(text: str) -> str:
    registry = load_registry()
    document = parse_document(BASE + text, "g.yaml")
    grid = document.validate(GridSpec, registry).written_in(document)
    before = time.perf_counter()
    with pytest.raises(SpecError) as told:
        expand(grid, registry)
    assert time.perf_counter() - before < 30, "counted, not made"
    return str(told.value)


def test_ten_to_the_tenth_cells_are_counted_and_not_made():
    values = list(range(1, 101))
    axes = ["model.width", "train.steps", "train.batch_size", "task.length", "train.log_every"]
    text = "axes:\n" + "".join(f"  {axis}: {values}\n" for axis in axes)
    assert problem(text) == (
        "g.yaml:5:1 axes: 10,000,000,000 runs (100 values of model.width, 100 values of "
        "train.steps, 100 values of train.batch_size, 100 values of task.length, 100 values of "
        "train.log_every), and a grid has at most 100,000; take fewer values or seeds, or split "
        "it into several grids"
    )


def test_a_number_of_seeds_is_counted_too():
    assert problem("seeds: 1000000000000\n") == (
        "g.yaml:5:1 seeds: 1,000,000,000,000 runs (1,000,000,000,000 seeds), and a grid has at "
        "most 100,000; take fewer values or seeds, or split it into several grids"
    )


def test_the_grids_of_a_union_are_added_up_and_the_one_that_is_too_much_is_named():
    widths = list(range(16, 16 * 301, 16))
    text = f"""\
grids:
  - axes: {{model.width: {widths}, task.length: [8, 9]}}
  - axes: {{model.width: {widths}}}
    seeds: 1000
"""
    assert problem(text).startswith("g.yaml:8:5 grids.1.seeds: 300,600 runs (300 values of ")
