import json

import pytest

from seqzoo.errors import RunError
from seqzoo.grid.plan.adopting import adopt_plan
from seqzoo.grid.plan.plan import plan_path, read_plan


def edited(change, tmp_path, plan):
    adopt_plan(tmp_path, plan)
    path = plan_path(tmp_path)
    page = json.loads(path.read_text(encoding="utf-8"))
    change(page)
    path.write_text(json.dumps(page), encoding="utf-8")
    with pytest.raises(RunError) as told:
        read_plan(tmp_path)
    head = f"{path}: not a plan of seqzoo ("
    assert str(told.value).startswith(head)
    assert "restore the file, or delete it and run the grid again" in str(told.value)
    return str(told.value).removeprefix(head).partition(");")[0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda page: page.update(runs=[]), "it holds no runs"),
        (lambda page: page["runs"][1]["spec"]["train"].pop("steps"), "runs.1.spec.train.steps: no"),
        (lambda page: page["runs"][1].update(spec={}), "runs.1.spec.train.steps: no number"),
        (
            lambda page: page["runs"][0]["spec"]["train"].update(steps=True),
            "runs.0.spec.train.steps: no number",
        ),
        (
            lambda page: page["runs"][0]["spec"]["train"].update(stop=0.9),
            "runs.0.spec.train.stop: no mapping",
        ),
        (lambda page: page["runs"][0].update(variant="z"), "runs.0.variant: 'z' is not among its"),
        (lambda page: page.update(base="z"), "base: 'z' is not among its variants"),
        (lambda page: page["runs"][1].update(point={"x": 1}), "runs.1.point: 'x' is not among"),
        (
            lambda page: page["runs"][1]["spec"].update(seed=3),
            "runs.1.spec.seed: 3, and the row's seed is 0",
        ),
        (
            lambda page: page["runs"][0].update(tried={"study": "s", "number": 0, "values": {}}),
            "runs.0.tried.study: there is no study 's'",
        ),
        (lambda page: page["runs"][1].pop("seed"), "runs.1.seed: Field required"),
    ],
)
def test_an_edited_plan_is_an_error_that_names_file_and_place(change, told, tmp_path, make_plan_of):
    assert edited(change, tmp_path, make_plan_of("a", "b")).startswith(told)


def test_a_plan_that_was_cut_is_an_error(tmp_path, make_plan_of):
    adopt_plan(tmp_path, make_plan_of("a", "b"))
    path = plan_path(tmp_path)
    text = path.read_bytes()
    for end in (0, 1, len(text) // 2, len(text) - 3):
        path.write_bytes(text[:end])
        with pytest.raises(RunError, match=r"not a plan of seqzoo \(it is not JSON: "):
            read_plan(tmp_path)
