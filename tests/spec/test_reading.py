from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqzoo.errors import SpecError
from seqzoo.spec.marks import Mark
from seqzoo.spec.reading import read_yaml

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
plain = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def traps(text: str) -> list[str]:
    return [str(trap.problem) for trap in read_yaml(text, "f")[2]]


@given(plain)
def test_json_is_read_as_it_is(data: object) -> None:
    read, _, found = read_yaml(json.dumps(data), "f")
    assert read == data
    assert not found


def test_marks_of_values_and_keys() -> None:
    _, marks, _ = read_yaml("a:\n  - b: 1\n    c: {d: e}\n", "f")
    assert marks.value(("a", 0, "c", "d")) == Mark("f", 3, 12)
    assert marks.key(("a", 0, "c", "d")) == Mark("f", 3, 9)
    assert marks.value(("a", 0)) == Mark("f", 2, 5)
    assert marks.value(()) == Mark("f", 1, 1)


def test_quotes_make_text() -> None:
    assert read_yaml("['None', '010', \"true\", '<<']", "f")[0] == ["None", "010", "true", "<<"]
    assert read_yaml("a: |\n  010\n'1': b\n", "f")[0] == {"a": "010\n", "1": "b"}


def test_text_over_lines_is_most_likely_a_slip() -> None:
    assert traps("a:\n- b\n - c\n") == [
        "f:2:3 a.0: the text continues over 2 lines; fix the indentation below, or put it in quotes"
    ]
    assert read_yaml("a: 'b\n  c'\nd: >\n  e\n  f\n", "f")[0] == {"a": "b c", "d": "e f\n"}


def test_half_a_character_is_refused() -> None:
    assert traps(r'a: "\ud83e"') == [
        "f:1:4 a: an escape that is half a character; write the character itself"
    ]
    assert read_yaml(r'"\ud83e\udd9c"', "f")[0] == "\U0001f99c"


def test_an_alias_repeats_its_value_where_it_is_harmless() -> None:
    data, _, found = read_yaml("a: &x {b: 1}\nc: *x\n", "f")
    assert data == {"a": {"b": 1}, "c": {"b": 1}}
    assert not found


def test_all_traps_are_told_at_once() -> None:
    assert traps("a: None\nb: [010, 1_0]\na: 2\n1: 3\n<<: {c: 1}\nd: !!str x\n") == [
        "f:1:4 a: None is not YAML's word for nothing; write null",
        "f:2:5 b.0: 010 has a leading zero; write 10, or '010' in quotes for text",
        "f:2:10 b.1: 1_0 has underscores; write 10, or '1_0' in quotes for text",
        "f:3:1 a: the key 'a' is written twice, first at line 1; keep one of the two",
        'f:4:1: the key 1 is not text; if it is a name, write "1" in quotes',
        "f:5:1: merge keys (<<) are not read; write the keys out; a grid's 'base' shares a run "
        "between variants",
        "f:6:4 d: the tag !!str is not read; remove it: values are plain text, numbers, lists and "
        "mappings",
    ]


def test_the_first_of_two_equal_keys_is_kept() -> None:
    assert read_yaml("a: 1\na: 2\n", "f")[0] == {"a": 1}


@pytest.mark.parametrize("text", ["a: &x [*x]", "&x {a: {b: *x}}", "a: &x {*x : 1}"])
def test_an_alias_inside_its_own_value_is_refused(text: str) -> None:
    assert traps(text)


def test_aliases_that_multiply_are_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert len(traps("\n".join(lines))) == 1


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n"])
def test_nothing_is_refused(text: str) -> None:
    if text.startswith("---"):
        assert read_yaml(text, "f")[0] is None
        return
    with pytest.raises(SpecError, match="there is nothing in it"):
        read_yaml(text, "f")


@given(st.text(alphabet="ab:-[]{},&*!|>'\"#%@`\t\n ?<0.~\\", max_size=40))
def test_any_text_is_data_or_an_error_with_a_place(text: str) -> None:
    try:
        read_yaml(text, "f")
    except SpecError as failure:
        for problem in failure.problems:
            assert problem.where.startswith("f")
            assert problem.what
