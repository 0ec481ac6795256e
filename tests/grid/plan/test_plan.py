import json

import pytest
import torch
from torch import nn

from seqzoo import load_registry
from seqzoo.errors import RunError
from seqzoo.grid.plan.adopting import adopt_plan
from seqzoo.grid.plan.expansion import expand
from seqzoo.grid.plan.failure import write_failure
from seqzoo.grid.plan.plan import make_plan, plan_path, read_plan, run_directory
from seqzoo.grid.plan.progress import run_states
from seqzoo.model import MLP
from seqzoo.operators import Place, Stream
from seqzoo.registry import Origin
from seqzoo.spec import PartSpec
from seqzoo.spec.document import parse_document
from seqzoo.spec.grid import GridSpec

GRID = """
base:
  model: {width: 16, layers: 1, mixer: attention}
  task: {type: parity, length: 8}
  train: {steps: 5, stop: {target: 0.9}}
variants:
  thin: {model.mlp: null}
  full: {}
axes: {model.width: [16, 32]}
seeds: 2
"""


def test_a_plan_says_all_that_the_grid_said():
    registry = load_registry()
    document = parse_document(GRID, "grid.yaml")
    grid = document.validate(GridSpec, registry).written_in(document)
    plan = make_plan("widths", expand(grid, registry), grid.variants)
    assert plan.name == "widths"
    assert plan.variants == ("thin", "full")
    assert plan.base == "full", "the variant that changes nothing"
    assert plan.axes == ("model.width",)
    assert len(plan.runs) == len(plan.distinct()) == 8
    first = plan.runs[0]
    assert (first.variant, first.point, first.seed) == ("thin", {"model.width": 16}, 0)
    assert (first.max_steps, first.target) == (5, 0.9)
    assert first.spec["model"]["mlp"] is None
    assert first.label == "thin, width=16, seed 0"


def test_the_first_variant_is_the_base_where_none_is_empty(make_plan_of):
    assert make_plan("none", ()).base == ""
    assert make_plan_of("a", "b").base == "a"


def test_equal_specs_are_one_run(make_plan_of, make_row):
    plan = make_plan_of(make_row("x", variant="a"), make_row("x", variant="b"), make_row("y"))
    assert list(plan.distinct()) == ["x", "y"]
    assert plan.labels() == {"x": "a, seed 0", "y": "y, seed 0"}


def test_a_plan_comes_back_as_it_was_written(tmp_path, make_plan_of):
    plan = make_plan_of("a", "b")
    adopt_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan
    adopt_plan(tmp_path, plan)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert run_directory(tmp_path, "a") == tmp_path / "runs" / "a"


def test_a_grid_may_grow_and_rename_but_lose_nothing(tmp_path, make_plan_of, make_row):
    adopt_plan(tmp_path, make_plan_of("a", "b"))
    grown = make_plan_of("c", make_row("b", variant="renamed"), "a")
    adopt_plan(tmp_path, grown)
    assert read_plan(tmp_path) == grown
    with pytest.raises(RunError, match="another grid: 2 of its 3 runs are not in this one") as info:
        adopt_plan(tmp_path, make_plan_of("a"))
    assert "the first 'c, seed 0' (run c): this grid has no run of that name" in str(info.value)
    assert "choose another --out" in str(info.value)
    assert read_plan(tmp_path) == grown


def test_cells_that_share_a_run_keep_the_one_that_is_there(tmp_path, make_plan_of, make_row):
    two, three = make_row("b", own_id="b", variant="2"), make_row("b", own_id="c", variant="3")
    adopt_plan(tmp_path, make_plan_of(two, three, "d"))
    write_failure(run_directory(tmp_path, "b"), "no", "run b", "")
    grown = make_plan_of(
        *(make_row("a", own_id=own, variant=v) for v, own in (("1", "a"), ("2", "b"), ("3", "c"))),
        "d",
    )
    assert run_states(grown, tmp_path) == {"a": "failed", "d": "missing"}
    adopted = adopt_plan(tmp_path, grown)
    assert [row.run_id for row in adopted.runs] == ["b", "b", "b", "d"]
    assert [row.run_id for row in read_plan(tmp_path).runs] == ["b", "b", "b", "d"]
    with pytest.raises(RunError, match="another grid: 1 of its 2 runs"):
        adopt_plan(tmp_path, make_plan_of(make_row("a", own_id="a", variant="1"), "d"))


class Powers(MLP):
    """An MLP with a setting that is read only if another is on."""

    name = "powers"

    class Spec(PartSpec):
        """Settings of `powers`."""

        twice: bool = False
        power: int = 2

    def __init__(self, spec: Spec, place: Place) -> None:
        super().__init__(spec, place)
        self.up = nn.Linear(place.width, place.width)
        self.spec = spec

    def forward(self, x: torch.Tensor, stream: Stream) -> torch.Tensor:
        y = self.up(x)
        return y.pow(self.spec.power) if self.spec.twice else y


def test_a_grid_may_grow_by_a_value_before_those_that_share_a_run(tmp_path):
    registry = load_registry([])
    registry.add(Powers, Origin("third", "third-party", "1"))

    def planned(*powers):
        cells = ", ".join(f"{{type: powers, power: {power}}}" for power in powers)
        axes = f"axes: {{model.mlp: [{cells}, {{type: powers, twice: true}}]}}"
        document = parse_document(f"{GRID.partition('variants')[0]}{axes}", "grid.yaml")
        grid = document.validate(GridSpec, registry).written_in(document)
        return make_plan("powers", expand(grid, registry))

    adopt_plan(tmp_path, planned(2, 3))
    before = read_plan(tmp_path)
    assert (len(before.runs), len(before.distinct())) == (3, 2)
    adopt_plan(tmp_path, planned(1, 2, 3))
    after = read_plan(tmp_path)
    assert len(after.runs) == 4
    assert after.distinct().keys() == before.distinct().keys()
    with pytest.raises(RunError, match="another grid: 1 of its 2 runs is not in this one"):
        adopt_plan(tmp_path, planned(1))


def test_a_changed_run_is_refused_with_what_differs(tmp_path, make_plan_of, make_row):
    spec = {"train": {"steps": 10, "clip": 1.0}, "model": {"width": 16}}
    adopt_plan(tmp_path, make_plan_of(make_row("old", variant="v", spec=spec)))
    spec = {"train": {"steps": 20}, "model": {"width": 16, "layers": 2}}
    with pytest.raises(RunError) as info:
        adopt_plan(tmp_path, make_plan_of(make_row("new", variant="v", spec=spec)))
    assert "train.steps is 10 there, 20 here" in str(info.value)
    assert "train.clip is 1 there, and not here" in str(info.value)
    assert "model.layers is 2 here, and not there" in str(info.value)
    assert "width" not in str(info.value)


def test_unreadable_plans_are_named(tmp_path, make_plan_of):
    with pytest.raises(RunError, match=r"no plan\.json here"):
        read_plan(tmp_path)
    path = plan_path(tmp_path)
    for text in ("{", "[]", '{"format": 2}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RunError, match=r"plan\.json: not a plan of seqzoo .*; restore"):
            read_plan(tmp_path)
    newer = {**json.loads(make_plan_of("a").model_dump_json()), "format": 7, "novel": 1}
    path.write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(RunError, match=r"newer seqzoo \(plan format 7, .* up to 2\); upgrade"):
        read_plan(tmp_path)
    path.write_text(json.dumps({**newer, "format": 1}), encoding="utf-8")
    with pytest.raises(RunError, match=r"written by seqzoo 0\.1 .*; run the grid again in a new"):
        read_plan(tmp_path)
