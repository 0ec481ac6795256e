"""The mutation tester, as far as it goes without Cosmic Ray: what is a mutant, and what is run."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mutants
import pytest


def mutant(**changes: Any) -> mutants.Mutant:
    settings: dict[str, Any] = {
        "path": "seqzoo/operators/gates/sigmoid.py",
        "line": 3,
        "operator": "NumberReplacer",
        "before": ["b = 2"],
        "after": ["b = 3"],
    }
    return mutants.Mutant(**{**settings, **changes})


def test_a_mutant_is_put_in_place_where_its_line_has_moved_to() -> None:
    code = "a = 1\n\n\nb = 2\nb = 2\nc = 3\n"
    assert mutants.mutated(code, mutant(line=3)) == "a = 1\n\n\nb = 3\nb = 2\nc = 3\n"
    assert mutants.mutated(code, mutant(line=6)) == "a = 1\n\n\nb = 2\nb = 3\nc = 3\n"


def test_a_line_may_be_taken_away() -> None:
    code = "@final\ndef f(): ...\n"
    assert mutants.mutated(code, mutant(line=1, before=["@final"], after=[])) == "def f(): ...\n"


def test_code_that_has_changed_since_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"sigmoid.py:3 has changed since"):
        mutants.mutated("b = 4\n", mutant())


def test_annotations_of_functions_mean_nothing_and_all_else_does() -> None:
    meaning = mutants.meaning
    assert meaning("def f(x: int | None) -> int: ...") == meaning("def f(x: int & 2): ...")
    assert meaning("x: int = 1") != meaning("x: int = 2")
    assert meaning("def f(x=1): ...") != meaning("def f(x=2): ...")


def test_files_named_after_the_module_come_first_and_graphs_last() -> None:
    command = mutants.command_of(mutants.ROOT, "seqzoo/operators/gates/sigmoid.py")
    files = [Path(word.strip("'")).name for word in command.split() if "test_" in word]
    assert files[0] == "test_gates.py"
    assert len(files) > 5
    command = mutants.command_of(mutants.ROOT, "seqzoo/model/block.py")
    files = [Path(word.strip("'")).name for word in command.split() if "test_" in word]
    assert (files[0], files[-1]) == ("test_block.py", "test_compile.py")


def test_every_room_has_code_and_tests() -> None:
    for room, tests in mutants.ROOMS.items():
        assert list((mutants.ROOT / room).rglob("*.py")), room
        assert all(list((mutants.ROOT / each).rglob("test_*.py")) for each in tests), tests


def test_the_report_counts_and_can_be_read_again() -> None:
    tried = [mutant(outcome="killed"), mutant(outcome="survived"), mutant()]
    options: Any = SimpleNamespace(sample=3, seed=7)
    found = json.loads(json.dumps(mutants.report(tried, options)))
    assert (found["killed"], found["tried"], found["seed"]) == (1, 2, 7)
    assert [mutants.Mutant(**each) for each in found["mutants"]] == tried
