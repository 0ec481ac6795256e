"""What the golden files of tests/messages leave out; each place is where a person must look."""

from __future__ import annotations

import pytest

from seqzoo.errors import SpecError
from seqzoo.spec.reading import read_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "f:1:4: the bracket opened here is not closed; a ']' is missing"),
        ("a: [1, ", "f:1:8: the text ends inside a bracket; close it"),
        ("a: [1,, 2]", "f:1:7: a value is missing before this; write one, or null, or remove"),
        (
            "a: {b: 1\nc: 2",
            "f:2:2: a ',' or '}' is missing before this, in the bracket opened at 1:4",
        ),
        ("a:\n  - 1\n - 2\n", "f:3:2: a '-' is not expected here"),
        ("a: - b", "f:1:4: a '-' is not expected here"),
        ("a: [1] 2", "f:1:8: this does not belong here"),
        ("a: |b\n", "f:1:5: after '|' or '>' the text starts on the next line"),
        ("a: !<x", "f:1:7: tags are not read here"),
        ("a: &", "f:1:5: an anchor or alias without a name"),
        ("a: &x 1\nb: &x 2", "f:2:4: the anchor &x is set twice"),
        ("a: `b`", "f:1:4: text cannot start with '`'; put it in quotes"),
        ("a: ? b", "f:1:4: a '?' is not expected here"),
        ("a: 'b", "f:1:4: the quote opened here is not closed"),
        ("a: b\n...\nc: d\n", "f:3:1: this is not part of the document above"),
        ("\x07", "f:1:1: a control character"),
        ("a: 1\nb: \x00\n", "f:2:4: a control character"),
    ],
)
def test_syntax(text: str, message: str) -> None:
    with pytest.raises(SpecError) as failure:
        read_yaml(text, "f")
    assert str(failure.value).startswith(message)


def test_without_lines_only_the_name_is_told() -> None:
    with pytest.raises(SpecError) as failure:
        read_yaml("[", "--set a=[", lines=False)
    assert str(failure.value) == "--set a=[: the text ends inside a bracket; close it"
