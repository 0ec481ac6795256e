"""The scan part `fla` on fla's own plain functions in the place of its kernels."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from scanning.recurrences import RECURRENCES, Leaves
from seqzoo.scan import ScanResult, scan
from seqzoo_gla.backends.fla import FlaBackend
from seqzoo_gla.backends.kernels import FUNCTIONS

from ..oracle import error_ratio
from .naive import imported, make_leaves
from .test_fla import CLOSE, results

PLAIN = {  # package -> its plain function, whether heads come first, and a keyword of another name
    "linear_attn": ("naive_recurrent_linear_attn", False, {}),
    "simple_gla": ("naive_recurrent_simple_gla", False, {}),
    "gla": ("naive_recurrent_gla", False, {"g": "gk"}),
    "delta_rule": ("delta_rule_recurrence", True, {}),
    "gated_delta_rule": ("naive_recurrent_gated_delta_rule", False, {}),
    "kda": ("naive_recurrent_kda", False, {}),
}
RULES = ("linear_attention", "simple_gla", "gla", "delta_rule", "gated_delta_rule", "kda")


class Plain:
    """The plain functions behind the kernels' own signatures, which each call must fit."""

    def refusal(self, device: torch.device) -> None:
        """They run anywhere."""

    def function(self, package: str, name: str) -> Callable[..., Any]:
        kernel = getattr(importlib.import_module(f"fla.ops.{package}"), name)
        signature = inspect.signature(inspect.unwrap(kernel)).parameters
        plain, heads_first, renamed = PLAIN[package]
        function = imported(f"fla.ops.{package}.naive", plain)

        def call(**arguments: Any) -> tuple[Tensor, Tensor]:
            assert set(arguments) <= set(signature)
            known = inspect.signature(function).parameters
            given = {renamed.get(key, key): value for key, value in arguments.items()}
            given = {key: value for key, value in given.items() if key in known}
            if heads_first:
                inputs = {"q", "k", "v", "beta"}
                given = {k: v.transpose(1, 2) if k in inputs else v for k, v in given.items()}
            outputs, state = function(**given)
            return outputs.transpose(1, 2) if heads_first else outputs, state

        return call


@pytest.mark.parametrize("name", RULES)
def test_the_scan_on_plain_functions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fla", reason="fla is not installed: make test-peers")
    for function in FUNCTIONS.values():  # only the kernel of the delta rule wants halves
        monkeypatch.setitem(function.__dict__, "halves_only", False)
    rule = RECURRENCES[name]
    backend: Any = FlaBackend(Plain())

    def run(inputs: Leaves, chosen: Any) -> ScanResult:
        queries, transition, writes, state = rule._arguments(inputs)
        return scan(queries, transition, writes, state, scale=16**-0.5, backend=chosen)

    leaves = make_leaves(rule, time=32)
    found = results(lambda inputs: run(inputs, backend), leaves)
    expected = results(lambda inputs: run(inputs, "chunked"), leaves)
    ratios = {each: error_ratio(found[each], expected[each]) for each in expected}
    assert max(ratios.values()) < CLOSE, ratios
