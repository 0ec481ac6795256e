import pickle

from seqzoo.errors import Problem, RunError, SpecError, counted, did_you_mean


def test_one_thing_is_singular_and_all_else_plural():
    assert [counted(number, "run") for number in (0, 1, 2, 1200)] == [
        *("0 runs", "1 run", "2 runs", "1,200 runs")
    ]
    assert counted(2, "search", "searches") == "2 searches"


def test_a_message_has_as_many_lines_as_it_was_given():
    assert str(RunError("out\n2 is full", "and \x1b[31mred")) == "out\\n2 is full\nand \\x1b[31mred"


def test_errors_cross_processes_whole():
    error = SpecError([Problem("f:1:1", "a", "wrong"), Problem("f:2:1", "b", "wrong", "mend it")])
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)
    assert str(pickle.loads(pickle.dumps(RunError("a", "b")))) == "a\nb"


def test_an_unknown_name_is_answered_by_the_nearest_and_no_wall_of_names():
    known = [f"model.layer{number}.width" for number in range(40)]
    assert did_you_mean("width", ["model.width", "height"]) == "did you mean 'model.width'?"
    assert did_you_mean("lr", ["a.lr", "b.lr", "c"]) == "did you mean 'a.lr' or 'b.lr'?"
    assert did_you_mean("zz", ["a", "b"]) == "known: a, b"
    assert did_you_mean("nofile.yaml", ["snip.yaml"]) == "known: snip.yaml"
    assert did_you_mean("smip.yaml", ["snip.yaml"]) == "did you mean 'snip.yaml'?"
    told = did_you_mean("q", known)
    assert told.startswith("of 40 known names the nearest are model.layer")
    assert told.count(",") == 4
