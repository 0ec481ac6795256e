"""The rooms of the report, in the order in which numbers pass; none imports a later one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import seqzoo.report

ROOT = Path(seqzoo.report.__file__).parent
ROOMS = ["collect", "runs", "statistics", "tables", "report", "figures", "formats", "html"]


def rooms_imported(file: Path) -> set[str]:
    modules = [
        node.module
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    return {name.split(".")[2] for name in modules if name.startswith("seqzoo.report.")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_those_before_it(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py")) or [ROOT / f"{room}.py"]
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    found = {file.name: rooms_imported(file) - allowed for file in files}
    assert not {name: rooms for name, rooms in found.items() if rooms}


def test_every_room_is_in_the_list() -> None:
    entries = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert entries - {"__init__", "__pycache__"} == set(ROOMS)
