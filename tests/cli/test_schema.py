from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from seqzoo.cli import main


@pytest.mark.parametrize("kind", ["run", "grid"])
def test_prints_a_schema(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert main(["schema", kind]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"seqzoo {kind}"
    assert "mixer:attention" in schema["$defs"]
