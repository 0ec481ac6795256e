"""A folder imports only from folders above it in the house's list; design.md, section 2."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import seqzoo

HOUSE = [
    "escape",
    "errors",
    "spec",
    "registry",
    "scan",
    "operators",
    "model",
    "tasks",
    "train",
    "probe",
    "grid",
]
HOUSE += ["report", "bench", "testing", "cli"]
ROOT = Path(seqzoo.__file__).parent
PACKAGES = [ROOT, *sorted(ROOT.parent.glob("plugins/*/seqzoo_*"))]


def imports(source: str) -> Iterator[str]:
    """Folders of seqzoo that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "seqzoo":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            root, _, rest = (node.module or "").partition(".")
            yield from [rest.split(".")[0]] if root == "seqzoo" else []
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("seqzoo."))


def test_imports_inside_functions_count() -> None:
    source = "import torch\nimport seqzoo.cli.app\ndef f():\n    from seqzoo.grid import Plan\n"
    assert set(imports(source)) == {"cli", "grid"}


@pytest.mark.parametrize("folder", HOUSE)
def test_a_folder_imports_only_what_stands_above_it(folder: str) -> None:
    above = HOUSE[: HOUSE.index(folder) + 1]
    files = sorted((ROOT / folder).rglob("*.py")) or [ROOT / f"{folder}.py"]
    found = {(file.relative_to(ROOT), name) for file in files for name in imports(file.read_text())}
    wrong = [
        f"{file} imports {name}" for file, name in sorted(found) if name in HOUSE[len(above) :]
    ]
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_folder_says_what_it_is_for(package: Path) -> None:
    folders = {path.parent for path in package.rglob("*.py")}
    silent = [
        folder.relative_to(package)
        for folder in folders
        if not (folder / "__init__.py").is_file()
        or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert not silent


def test_every_folder_is_in_the_list() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= set(HOUSE)


STAGES = ["labels", "distinct_labels", "matched", "expand", "match", "tune", "plan", "run", "view"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_the_grid_imports_only_earlier_ones(stage: str) -> None:
    later = "|".join(STAGES[STAGES.index(stage) + 1 :]) or "-"
    files = sorted((ROOT / "grid" / stage).rglob("*.py")) or [ROOT / "grid" / f"{stage}.py"]
    assert files
    wrong = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.match(rf"\s*from seqzoo\.grid\.({later})\b", line)
    ]
    assert not wrong


VAGUE = {"losses", "factors", "layout", "cells", "outcome", "carry", "tuning", "scalars"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_two_files_of_a_package_share_a_vague_name(package: Path) -> None:
    found = [path.stem for path in package.rglob("*") if path.suffix == ".py" or path.is_dir()]
    assert not {name for name in VAGUE if found.count(name) > 1}
