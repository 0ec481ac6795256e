"""`seqzoo --help` is quick: commands import torch, and what does, when they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import seqzoo.cli

FOLDER = Path(seqzoo.cli.__file__).parent
QUICK = ["check", "describe", "doctor", "generate", "grid", "parts", "schema", "train"]
CODE = """
import importlib, sys, types

package = types.ModuleType("seqzoo.cli")  # without its __init__, which has all commands
package.__path__ = [sys.argv[1]]
sys.modules["seqzoo.cli"] = package
for name in sys.argv[2:]:
    importlib.import_module(f"seqzoo.cli.{name}")
    for heavy in ("torch", "matplotlib", "ray"):
        assert heavy not in sys.modules, f"seqzoo.cli.{name} imports {heavy}"
"""


def test_commands_are_imported_without_torch() -> None:
    subprocess.run([sys.executable, "-c", CODE, str(FOLDER), *QUICK], check=True)


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("seqzoo.cli.report, seqzoo.cli.runs, seqzoo.cli.listing, seqzoo.report", "torch"),
        ("seqzoo.report.html", "torch"),
        ("seqzoo.grid.run.driver, seqzoo.grid.plan.expansion", "torch._dynamo"),
    ],
)
def test_what_a_command_does_not_need_is_not_imported(modules: str, heavy: str) -> None:
    code = f"import {modules}, sys; assert {heavy!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_list_of_commands_is_made_without_rich() -> None:
    code = "import sys; from seqzoo.cli import main; main(['--help'])"
    code += "; assert 'rich' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_check_of_a_file_that_is_not_yaml_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "open.yaml").write_text("model: {width: 16\n")
    code = "import sys; from seqzoo.cli import main; assert main(['check', 'open.yaml']) == 2"
    code += "; assert 'torch' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert "open.yaml:1:8: the bracket opened here is not closed" in done.stderr
