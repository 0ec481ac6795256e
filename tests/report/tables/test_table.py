import pytest

from seqzoo.errors import SpecError
from seqzoo.report import make_report
from seqzoo.report.tables.arrangement import Layout, make_layout
from seqzoo.report.tables.blocks import Column, Entry
from seqzoo.train.record import MetricFacts, Timings


def texts(table):
    return [[entry.text + " *" * entry.best for entry in row] for row in table.rows]


def names(table):
    return [f"{column.point} {column.name}".strip() for column in table.columns]


def test_all_points_stand_side_by_side_where_there_is_room(ablation):
    (table,) = make_report(ablation.path).tables(width=200)
    assert table.title == ""
    assert names(table) == [
        "variant",
        *("xor steps to 0.9", "xor accuracy", "xor steps vs base"),
        *("parity steps to 0.9", "parity accuracy", "parity vs base"),
        *("params", "tok/s"),
    ]
    assert [row[:4] for row in texts(table)] == [
        ["full", "50 *", "0.960 ± 0.014", "base"],
        ["thin", "80 (1 of 2 seeds)", "0.730 ± 0.255", "≥ +40 [+40, +40]"],
        ["plain", "not within 100 steps", "0.510 ± 0.014", "≥ +50 [+40, +60]"],
    ]
    assert [row[4:] for row in texts(table)] == [
        ["not within 100 steps", "0.700 (1 failed)", "base", "4.0k", "5.0k"],
        ["not within 100 steps", "0.800 (1 failed)", "+0.100", "4.0k", "5.0k"],
        ["", "missing", "", "4.0k", "5.0k"],
    ]


def test_one_table_a_task_where_there_is_not(ablation):
    report = make_report(ablation.path)
    (joint,) = report.tables(width=200)
    xor, parity = report.tables(width=joint.width - 1)
    assert (xor.title, parity.title) == ("xor", "parity")
    assert names(xor) == ["variant", "steps to 0.9", "accuracy", "steps vs base", "params", "tok/s"]
    assert texts(xor)[0] == ["full", "50 *", "0.960 ± 0.014", "base", "4.0k", "5.0k"]
    assert texts(parity)[2] == ["plain", "", "missing", "", "", ""]
    narrow = report.tables(width=80)[0]
    assert [row[1] for row in texts(narrow)] == [
        "50 *",
        "80 (1 of 2 seeds)",
        "not within 100 steps",
    ]
    assert texts(narrow)[1][3] == "≥ +40 [+40, +40]"
    brief = report.tables(width=narrow.width - 1)[0]
    assert [row[1] for row in texts(brief)] == ["50 *", "80 (1 of 2)", "not within 100"]
    without = report.tables(width=brief.width - 1)[0]
    assert [row[3] for row in texts(without)] == ["base", "≥ +40", "≥ +50"]


def test_other_axes_make_rows_where_there_is_no_room(grid):
    for depth in (1, 2):
        for task in ("xor", "parity"):
            point = {"task.type": task, "model.depth": depth}
            grid.cell("full", {0: 0.5 + depth / 10}, point, parameters=1000 * depth)
            grid.cell("thin", {0: 0.4}, point)
    grid.freeze(base="full")
    report = make_report(grid.path)
    (joint,) = report.tables(width=300)
    assert names(joint)[1:3] == ["xor depth=1 accuracy", "xor depth=1 vs base"]
    assert [row[-2] for row in texts(joint)] == ["1.0k-2.0k", "4.0k"]
    xor, parity = report.tables(width=80)
    assert names(xor) == ["variant", "depth", "accuracy", "vs base", "params", "tok/s"]
    assert texts(xor) == [
        ["full", "1", "0.600", "base", "1.0k", "5.0k"],
        ["thin", "1", "0.400", "-0.200", "4.0k", "5.0k"],
        ["full", "2", "0.700 *", "base", "2.0k", "5.0k"],
        ["thin", "2", "0.400", "-0.300", "4.0k", "5.0k"],
    ]
    assert texts(parity) == texts(xor)


def test_without_variants_the_axes_make_the_rows(grid):
    for width in (16, 32):
        grid.cell("", {0: width / 100}, {"model.width": width})
    grid.freeze()
    (table,) = make_report(grid.path).tables(width=80)
    assert names(table) == ["width", "accuracy", "params", "tok/s"]
    assert [row[:2] for row in texts(table)] == [["16", "0.160"], ["32", "0.320 *"]]


def test_tasks_are_called_by_their_type_alone_where_that_is_plain(grid):
    for task in ({"type": "parity", "length": 64}, {"type": "xor", "length": 64}):
        grid.cell("full", {0: 0.5}, {"task": task})
    grid.freeze()
    (table,) = make_report(grid.path).tables(width=200)
    assert names(table)[1:3] == ["parity accuracy", "xor accuracy"]


@pytest.mark.parametrize(("third", "marks"), [(1.50002, ["", ""]), (1.6, [" *", ""])])
def test_lower_is_better_where_the_metric_says_so_and_ties_have_no_mark(grid, third, marks):
    bits = {"metric": MetricFacts(name="bits", higher_is_better=False, chance=None)}
    for variant, value in (("a", 2.0), ("b", 1.50001), ("c", third)):
        grid.cell(variant, {0: 0.5}, **bits, metrics={"bits": value})
    grid.freeze(base="a")
    (table,) = make_report(grid.path).tables(width=80)
    assert [row[1] for row in texts(table)] == [
        *("2.000", f"1.500{marks[0]}", f"{third:.3f}{marks[1]}")
    ]
    assert [row[2] for row in texts(table)] == ["base", "-0.500", f"{third - 2:.3f}"]


def test_where_none_met_the_target_the_metric_alone_has_a_mark(grid):
    for variant in ("full", "thin"):
        grid.run(variant, 0, target=0.9)
    grid.freeze(base="full")
    grid.record("run0", 0.6)
    grid.record("run1", 0.8)
    (table,) = make_report(grid.path).tables(width=200)
    assert [row[:4] for row in texts(table)] == [
        ["full", "not within 100 steps", "0.600", "base"],
        ["thin", "not within 100 steps", "0.800 *", "+0.200"],
    ]


def test_a_cell_that_lacks_seeds_is_not_the_best_nor_is_any_that_it_beats(grid):
    grid.cell("a", {0: 0.5, 1: 0.5})
    grid.cell("b", {0: 0.9})
    failed = grid.run("b", 1)
    grid.freeze()
    grid.fail(failed, "no")
    (table,) = make_report(grid.path).tables(width=80)
    assert [row[1] for row in texts(table)] == ["0.500 ± 0.000", "0.900 (1 failed)"]


def test_costs_span_the_seeds(grid):
    timings = {"timings": Timings(wall_s=2.0, train_s=1.0, tokens=7000, tokens_per_s=7000.0)}
    grid.cell("a", {0: 0.5}, parameters=1000)
    grid.cell("a", {1: 0.5}, parameters=3000, **timings)
    grid.freeze()
    (table,) = make_report(grid.path).tables(width=80)
    assert [row[-2:] for row in texts(table)] == [["1.0k-3.0k", "~ 5.0k-7.0k"]]


def test_metrics_that_differ_have_columns_of_their_own(grid):
    bits = MetricFacts(name="bits", higher_is_better=False, chance=None)
    grid.cell("a", {0: 0.9})
    grid.cell("b", {0: 0.5}, metric=bits, metrics={"bits": 2.0})
    grid.freeze(base="a")
    (table,) = make_report(grid.path).tables(width=80)
    assert names(table) == ["variant", "accuracy", "bits", "params", "tok/s"]
    assert [row[:3] for row in texts(table)] == [["a", "0.900", ""], ["b", "", "2.000"]]


def test_another_metric_is_shown_without_target_or_mark(ablation):
    (table,) = make_report(ablation.path, metric="loss").tables(width=200)
    assert names(table)[1:3] == ["xor loss", "xor vs base"]
    assert not any(entry.best for row in table.rows for entry in row)


def test_a_grid_of_which_nothing_is_done_still_has_its_table(grid):
    grid.run("a")
    grid.run("b")
    grid.freeze(base="a")
    (table,) = make_report(grid.path).tables(width=80)
    assert [row[:2] for row in texts(table)] == [["a", "missing"], ["b", "missing"]]


@pytest.mark.parametrize("best", [False, True])
def test_the_width_of_a_table_is_that_of_its_lines(best):
    from seqzoo.report.tables.table import Table

    table = Table("", (Column("ab"), Column("c")), ((Entry("x"), Entry("12345", best)),))
    assert table.width == 2 + 2 + 5 + 2 * best


@pytest.fixture
def wide(grid):
    """Two variants, two tasks, two depths, one number each that says which."""
    for task, tens in (("xor", 1), ("parity", 2)):
        for depth in (1, 2):
            point = {"task.type": task, "model.depth": depth}
            for variant, thousandths in (("full", 1), ("thin", 3)):
                grid.cell(variant, {0: tens / 10 + depth / 100 + thousandths / 1000}, point)
    grid.freeze(base="full")
    return grid


def test_rows_alone_leave_the_rest_to_the_columns(wide):
    (table,) = make_report(wide.path, rows=["task", "depth"]).tables(width=300)
    assert names(table)[:5] == [
        *("task", "depth", "full accuracy", "full vs base", "thin accuracy")
    ]
    assert [row[:6] for row in texts(table)] == [
        ["xor", "1", "0.111", "base", "0.113", "+0.002"],
        ["xor", "2", "0.121", "base", "0.123", "+0.002"],
        ["parity", "1", "0.211", "base", "0.213", "+0.002"],
        ["parity", "2", "0.221", "base", "0.223", "+0.002"],
    ]


def test_columns_alone_leave_the_rest_to_the_rows(wide):
    (table,) = make_report(wide.path, columns=["model.depth"]).tables(width=300)
    assert names(table)[:3] == ["variant", "task", "depth=1 accuracy"]
    assert [row[0] + row[1] for row in texts(table)] == [
        *("fullxor", "thinxor", "fullparity", "thinparity")
    ]


def test_what_is_in_neither_splits_the_tables(wide):
    xor, parity = make_report(wide.path, rows=["variant"], columns=["depth"]).tables(width=300)
    assert (xor.title, parity.title) == ("xor", "parity")
    assert [row[:3] for row in texts(parity)] == [
        ["full", "0.211", "base"],
        ["thin", "0.213 *", "+0.002"],
    ]


def test_a_factor_that_is_not_there_is_refused_with_the_nearest(wide):
    with pytest.raises(SpecError, match=r"no axis here is called 'model.dept'; did you mean"):
        make_report(wide.path, rows=["model.dept"])
    with pytest.raises(SpecError, match=r"'model\.depth' is named twice"):
        make_report(wide.path, rows=["depth"], columns=["model.depth"])


def test_axes_that_share_their_last_word_are_two_columns_with_names_of_their_own(grid):
    for a, b in ((1, 2), (1, 3), (2, 3)):
        grid.cell("", {0: a / 10}, {"model.a.depth": a, "model.b.depth": b})
    grid.freeze()
    with pytest.raises(SpecError, match=r"'depth' may mean model.a.depth or model.b.depth"):
        make_report(grid.path, rows=["depth"])
    (table,) = make_report(grid.path).tables(width=80)
    assert names(table)[:3] == ["a.depth", "b.depth", "accuracy"]
    assert [row[:2] for row in texts(table)] == [["1", "2"], ["1", "3"], ["2", "3"]]
    assert make_layout(["model.a.depth", "model.b.depth"], rows=["b.depth"]) == Layout(
        rows=("model.b.depth",), columns=("variant", "model.a.depth")
    )


def test_what_is_still_too_wide_is_cut_between_points(wide):
    (whole,) = make_report(wide.path, rows=["task"], columns=["variant", "depth"]).tables(width=300)
    parts = make_report(wide.path, rows=["task"], columns=["variant", "depth"]).tables(width=60)
    assert max(part.width for part in parts) <= 60
    assert [names(part)[0] for part in parts] == ["task"] * len(parts)
    assert [name for part in parts for name in names(part)[1:]] == names(whole)[1:]
    for place, row in enumerate(texts(whole)):
        assert [text for part in parts for text in texts(part)[place][1:]] == row[1:]
