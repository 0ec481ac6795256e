"""Our scan against transformers' torch functions, as the benchmark calls them."""

from __future__ import annotations

import warnings

import pytest

from scanning.peers import CHUNKED, TOKEN, Peer
from scanning.recurrences import RECURRENCES

from ..oracle import error_ratio
from .naive import imported, make_leaves
from .test_fla import CLOSE, results

TRANSFORMERS = [p for p in (*CHUNKED, *TOKEN) if p.distribution == "transformers"]


@pytest.mark.parametrize("peer", TRANSFORMERS, ids=lambda peer: peer.function)
def test_agrees_with_transformers(peer: Peer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its import are its own
        imported(peer.module, peer.function)  # or skips
        function = peer.imported()
    rule = RECURRENCES[peer.recurrence]
    leaves = make_leaves(rule, time=80)  # no multiple of its chunk
    found = results(lambda inputs: rule.scan(inputs, "chunked"), leaves)
    expected = results(lambda inputs: peer.result(function(**peer.arguments(inputs))), leaves)
    ratios = {name: error_ratio(found[name], expected[name]) for name in expected}
    assert max(ratios.values()) < CLOSE, ratios
