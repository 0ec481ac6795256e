"""Every family with a plain function in fla is compared with ours, or there is a reason why not.

docs/peers.md has the same two lists.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

COMPARED = {
    "abc": "test_fla_normalised",
    "based": "test_fla_normalised",
    "comba": "test_fla",
    "cyfa": "test_fla_normalised",
    "delta_rule": "test_fla",
    "forgetting_attn": "test_fla_normalised",
    "gated_delta_product": "test_fla",
    "gated_delta_rule": "test_fla",
    "gdn2": "test_fla_families",
    "generalized_delta_rule/dplr": "test_fla",
    "generalized_delta_rule/iplr": "test_fla_families",
    "gla": "test_fla",
    "gsa": "test_fla_families",
    "hgrn": "test_fla_families",
    "kda": "test_fla",
    "linear_attn": "test_fla",
    "log_linear_attn": "test_fla_states",
    "mesa_net": "test_fla_states",
    "momentum_delta_rule": "test_fla_states",
    "precond_gated_delta_rule": "test_fla_states",
    "precond_kda": "test_fla_states",
    "rebased": "test_fla_normalised",
    "retention": "test_fla_families",
    "rwkv6": "test_fla_families",
    "simple_gla": "test_fla",
    "ttt": "test_fla_states",
}

OTHERS = {
    "attn": "softmax attention, which is torch's own function here",
    "attnres": "attention over the residual stream of earlier layers: no mixer",
    "deltaformer": "softmax weights between all pairs of tokens, and a solve over them",
    "dsa": "sparse softmax attention with an indexer",
    "nsa": "sparse softmax attention",
    "parallax": "softmax attention with a covariance of its weights",
    "path_attn": "softmax attention whose logits go through Householder products",
    "rwkv7": "two lines of the layer, of which plugins/gla has the whole transcribed",
    "stickbreaking_attn": "attention by stick-breaking over all pairs of tokens",
    "titans": "its plain function divides one term of three of the gradient's by nothing",
    "utils/sinkhorn": "a normalisation of matrices: no mixer",
    "wall_attn": "softmax attention with decays inside the products",
}


def test_no_family_is_left_out() -> None:
    found = find_spec("fla")
    if found is None or not found.submodule_search_locations:
        pytest.skip("fla is not installed: make test-peers")
    root = Path(found.submodule_search_locations[0]) / "ops"
    families = set()
    for path in root.rglob("*.py"):
        functions = [
            node.name
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)
        ]
        if "naive" in path.name or any(
            name.startswith("naive_") or name.endswith("_ref") for name in functions
        ):
            families.add(path.parent.relative_to(root).as_posix())
    assert families == COMPARED.keys() | OTHERS.keys()


def test_a_family_is_named_where_it_is_compared() -> None:
    here = Path(__file__).parent
    naive = (here / "naive.py").read_text()
    for family, module in COMPARED.items():
        text = (here / f"{module}.py").read_text() + (naive if module == "test_fla" else "")
        name = family.replace("/", ".")
        assert f"{name}." in text or f'"{name}"' in text, f"{family} is not in {module}.py"
