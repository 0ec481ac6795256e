from __future__ import annotations

from seqzoo.spec.marks import Mark, Marks

FILE = Marks(
    values={(): Mark("f", 1, 1), ("a",): Mark("f", 1, 4), ("a", "b"): Mark("f", 1, 8)},
    keys={("a",): Mark("f", 1, 1), ("a", "b"): Mark("f", 1, 5)},
)
DELTA = Marks(
    values={(): Mark("g", 1, 1), ("v",): Mark("g", 5, 3), ("v", "x"): Mark("g", 5, 6)},
    keys={("v",): Mark("g", 4, 1), ("v", "x"): Mark("g", 5, 4)},
)


def test_a_place_is_shown_as_editors_read_it() -> None:
    assert str(Mark("a.yaml", 3, 7)) == "a.yaml:3:7"
    assert str(Mark("--set a=1")) == "--set a=1"


def test_what_has_no_mark_takes_the_nearest_around_it() -> None:
    assert FILE.value(("a", "b", "c", 0)) == Mark("f", 1, 8)
    assert FILE.value(("z",)) == Mark("f", 1, 1)
    assert FILE.key(("a", "z")) == FILE.value(("a",))


def test_a_delta_keeps_its_own_place() -> None:
    marks = FILE.overlaid(("a", "b"), ("a", "b"), DELTA, ("v",))
    assert marks.value(("a", "b")) == Mark("g", 5, 3)
    assert marks.value(("a", "b", "x")) == Mark("g", 5, 6)
    assert marks.key(("a", "b", "x")) == Mark("g", 5, 4)
    assert marks.key(("a", "b")) == Mark("g", 4, 1)
    assert marks.value(("a",)) == Mark("f", 1, 4)


def test_what_a_delta_made_on_its_way_is_where_its_path_is_written() -> None:
    marks = FILE.overlaid(("c",), ("c", "d", "e"), DELTA, ("v",))
    assert marks.key(("c",)) == marks.key(("c", "d")) == Mark("g", 4, 1)
    assert marks.value(("c", "d")) == Mark("g", 4, 1)
    assert marks.value(("c", "d", "e")) == Mark("g", 5, 3)


def test_the_last_delta_counts() -> None:
    marks = FILE.overlaid(("a",), ("a",), DELTA, ("v",)).overlaid(("a",), ("a",), FILE, ("a", "b"))
    assert marks.value(("a",)) == Mark("f", 1, 8)


def test_the_path_of_a_delta_is_where_the_last_delta_wrote_it() -> None:
    flag = Marks({(): Mark("--set c.d=[1, 2]")})
    marks = FILE.overlaid(("c",), ("c", "d"), flag).overlaid(("z",), ("z",), DELTA, ("v",))
    assert marks.path_key(("c", "d", 1)) == marks.path_key(("c",)) == Mark("--set c.d=[1, 2]")
    assert marks.path_key(("z", "x", 0)) == Mark("g", 5, 4)
    assert marks.path_key(("a", "b", 0)) == Mark("f", 1, 5)
