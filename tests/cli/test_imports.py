"""`seqzoo --help` is quick: commands import torch, and what does, when they run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import seqzoo.cli

FOLDER = Path(seqzoo.cli.__file__).parent
QUICK = ["check", "describe", "generate", "grid", "parts", "schema", "train"]
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


def test_reports_are_imported_without_the_compiler() -> None:
    code = """
import sys
import seqzoo.cli, seqzoo.report, seqzoo.grid
heavy = {"torch._dynamo", "torch.utils.flop_counter", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
