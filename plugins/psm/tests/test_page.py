"""docs/psm.md: the tests that it names for the twelve invariants are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "psm.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the plugin stands outside seqzoo's repository")
def test_the_page_names_tests_that_are_there() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 13))
    for _, cell in rows:
        for part in cell.split("; "):
            file, tests = part.split(": ")
            source = (ROOT / file.strip("`")).read_text()
            for test in tests.split(", "):
                assert f"def {test.strip('`')}(" in source, part
