"""The rule of docs/ttt.md passes the kit."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from seqzoo.testing import MIXER_CHECKS, MixerCase

PAGE = Path(__file__).parents[3] / "docs" / "ttt.md"


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    module = sys.modules["shown"] = ModuleType("shown")  # where a compiler looks for its names
    names: dict[str, Any] = vars(module)
    torch.manual_seed(0)
    exec(compile(block[1], str(PAGE), "exec", flags=0, dont_inherit=True), names)
    return names


def test_it_has_thirty_lines() -> None:
    rule = PAGE.read_text().split("class OjaRule")[1].split("\n\n\n")[0]
    assert sum(bool(line.strip()) for line in rule.splitlines()) <= 30


@pytest.mark.parametrize("check", MIXER_CHECKS, ids=lambda check: check.__name__)
def test_the_kit(check: Callable[[MixerCase], None], shown: dict[str, Any]) -> None:
    spec = {"type": "serial", "heads": 2, "value": {"norm": "unit"}, "rule": "oja"}
    check(MixerCase(spec, shown["registry"]))
