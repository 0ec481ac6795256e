"""What is written is read again, by our own reader."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.spec.document import read_document
from seqzoo.spec.write import yaml_of

ODD = st.sampled_from(
    (
        *("", "no", "null", "None", "none", "nan", "1e-3", "0x_", "010", "12:30", "2020-01-01"),
        *("<<", "- a", "a: b", "a #b", "~", "@", "%", "'\"\\", "x" * 200, "word " * 60),
        *("é\u2028\x85", "\ufeff", "\ta", " a ", "a\nb"),
    )
)
TEXT = ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DATA = st.recursive(
    TEXT | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(value=DATA)
def test_everything_comes_back(value: Any, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml_of({"name": value}), encoding="utf-8")
    assert same(read_document(path).data, {"name": value})


def same(found: Any, known: Any) -> bool:
    if isinstance(known, float):
        return isinstance(found, int | float) and math.isclose(found, known, rel_tol=0, abs_tol=0)
    if isinstance(known, dict):
        return found.keys() == known.keys() and all(same(found[k], v) for k, v in known.items())
    if isinstance(known, list):
        return len(found) == len(known) and all(map(same, found, known))
    return type(found) is type(known) and found == known
