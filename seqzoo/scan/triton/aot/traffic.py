"""Which of a kernel's tensors it reads and which it writes, from Triton's intermediate form."""

from __future__ import annotations

import re

_PARAMETER = re.compile(r"%(?P<name>\w+): !tt\.ptr<")
_DERIVED = re.compile(
    r"%(?P<result>\w+) = (?:tt\.(?:addptr|splat|broadcast|expand_dims|bitcast|reshape|"
    r"make_tensor_ptr|advance)|ttg\.convert_layout|arith\.select %\w+,) %(?P<base>\w+)\b"
)
_LOAD = re.compile(r"= tt\.load %(?P<pointer>\w+)\b")
_STORE = re.compile(r"\btt\.(?:store|atomic_rmw \w+,[^%]*) %(?P<pointer>\w+)\b")


def reads_and_writes(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the parameters that are read, and of those that are written.

    Args:
        text: the kernel in the form that Triton calls ttir.
    """
    head, _, body = text.partition("tt.func")
    del head
    bases: dict[str, str] = {}
    loaded: set[str] = set()
    stored: set[str] = set()
    for line in body.splitlines():
        if not bases:
            bases = {found["name"]: found["name"] for found in _PARAMETER.finditer(line)}
            continue
        if (found := _DERIVED.search(line)) and found["base"] in bases:
            bases[found["result"]] = bases[found["base"]]
        if (found := _LOAD.search(line)) and found["pointer"] in bases:
            loaded.add(bases[found["pointer"]])
        if (found := _STORE.search(line)) and found["pointer"] in bases:
            stored.add(bases[found["pointer"]])
    return frozenset(loaded), frozenset(stored)
