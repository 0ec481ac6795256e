"""How many small faults in the layers the tests catch: a mutation score, from a random sample.

    python benchmarks/mutants.py --sample 120 --seed 0 --json mutants.json      make mutants
    python benchmarks/mutants.py --again mutants.json        only those that survived

Cosmic Ray makes the mutants: a number off by one, `+` for `*`, a condition negated, a loop left
out, a decorator removed. A place in the code is drawn first, all places being equally likely, then
one of the mutations possible there, so a line of arithmetic does not count eleven times. Each
mutant is applied to a copy of the working tree, one at a time, and only the tests of its own room
are run, the files named after it first, until one fails.

Mutants of annotations are left out: they change nothing that runs.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {
    "seqzoo/operators": ("tests/operators",),
    "seqzoo/model": ("tests/model",),
    "plugins/gla/seqzoo_gla": ("plugins/gla/tests",),
    "plugins/prism/seqzoo_prism": ("plugins/prism/tests",),
    "plugins/psm/seqzoo_psm": ("plugins/psm/tests",),
    "plugins/ttt/seqzoo_ttt": ("plugins/ttt/tests",),
}
"""Where code is mutated, and the tests that must catch it."""

SLOW = ("inductor", "stay_finite")
"""Words in the names of tests that take minutes."""

LIMIT = 600  # seconds for the tests of one mutant; one that takes longer counts as killed


@dataclass
class Mutant:
    """One small fault, and whether the tests noticed it.

    Attributes:
        path: the file, relative to the root.
        line: the first line that is changed, from 1.
        operator: Cosmic Ray's name of the kind of change.
        before, after: the changed lines.
        outcome: `killed` by a failing test, `survived`, `gone` where the code has changed since it
            was drawn, or "" while it has not been tried.
        seconds: that its tests took.
    """

    path: str
    line: int
    operator: str
    before: list[str]
    after: list[str]
    outcome: str = ""
    seconds: float = 0.0


def main() -> None:
    """Draw, run, report."""
    options = _options()
    if options.again:
        earlier = json.loads(options.again.read_text())
        tried = [Mutant(**each) for each in earlier["mutants"]]
        chosen = [each for each in tried if each.outcome != "killed"]
    else:
        tried = chosen = list(draw(options.sample, options.seed, options.room or list(ROOMS)))
    print(f"{len(chosen)} mutants, of {len(tried)} drawn", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        copy_tree(copy)
        _check_rooms(copy, {_room(each.path) for each in chosen})
        for index, mutant in enumerate(chosen):
            run(copy, mutant)
            print(f"{index + 1:4} {mutant.outcome:8} {mutant.seconds:5.0f} s  {_said(mutant)}")
            sys.stdout.flush()
            if options.json:
                options.json.write_text(json.dumps(report(tried, options), indent=1) + "\n")
    _print_score(tried)


def draw(count: int, seed: int, rooms: Sequence[str]) -> Iterator[Mutant]:
    """Mutants at `count` places drawn without replacement, one at each."""
    places: dict[tuple[str, tuple[int, int]], list[tuple[str, int]]] = {}
    for path in (path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))):
        for operator, occurrence, start in _mutations(path):
            key = (str(path.relative_to(ROOT)), start)
            places.setdefault(key, []).append((operator, occurrence))
    generator = random.Random(seed)
    order = sorted(places)
    generator.shuffle(order)
    print(f"{len(order)} places, {sum(map(len, places.values()))} mutants in all", flush=True)
    found = 0
    for path, start in order:
        if found == count:
            return
        operator, occurrence = generator.choice(places[path, start])
        mutant = _mutant(path, operator, occurrence)
        if mutant is not None:
            found += 1
            yield mutant


def copy_tree(folder: Path) -> None:
    """Copy the files that git knows, or would add, into an empty folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def run(copy: Path, mutant: Mutant) -> None:
    """Run the tests of the mutant's room with the mutant in place, and note what they say."""
    from cosmic_ray.testing import TestOutcome, run_tests  # pyright: ignore[reportMissingImports]

    path = copy / mutant.path
    if not path.exists():  # it may have moved within its room since the mutant was drawn
        room = copy / _room(mutant.path)
        path = next((each for each in room.rglob("*.py") if each.name == path.name), path)
    try:
        original = path.read_text()
        changed = mutated(original, mutant)
    except (OSError, ValueError):
        mutant.outcome = "gone"
        return
    began = time.monotonic()
    path.write_text(changed)
    try:
        outcome, _ = run_tests(command_of(copy, mutant.path), LIMIT)
    finally:
        path.write_text(original)
    mutant.seconds = round(time.monotonic() - began, 1)
    mutant.outcome = "survived" if outcome == TestOutcome.SURVIVED else "killed"


def mutated(original: str, mutant: Mutant) -> str:
    """The file with the mutant's lines in place of its own.

    Raises:
        ValueError: the lines are not there: the code has changed since the mutant was drawn.
    """
    lines = original.splitlines()
    near = sorted(range(len(lines)), key=lambda start: abs(start - mutant.line + 1))
    size = len(mutant.before)
    for start in near:
        if lines[start : start + size] == mutant.before:
            return "\n".join([*lines[:start], *mutant.after, *lines[start + size :]]) + "\n"
    raise ValueError(f"{mutant.path}:{mutant.line} has changed since this mutant was drawn")


def report(mutants: Sequence[Mutant], options: argparse.Namespace) -> dict[str, Any]:
    """What is written as JSON."""
    killed = sum(each.outcome == "killed" for each in mutants)
    tried = sum(bool(each.outcome) for each in mutants)
    drawn = {"sample": options.sample, "seed": options.seed, "killed": killed, "tried": tried}
    return drawn | {"mutants": [asdict(each) for each in mutants]}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sample", type=int, default=120, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--room", action="append", choices=list(ROOMS), help="only these")
    parser.add_argument("--json", type=Path, help="where the result is written as it grows")
    parser.add_argument("--again", type=Path, help="try those of this result that survived")
    options = parser.parse_args()
    if options.again and not options.json:
        options.json = options.again
    return options


def _mutations(path: Path) -> Iterator[tuple[str, int, tuple[int, int]]]:
    """Every mutation of a file: its kind, its index among those of the kind, and its place."""
    from cosmic_ray import plugins  # pyright: ignore[reportMissingImports]
    from cosmic_ray.ast import ast_nodes, get_ast_from_path  # pyright: ignore[reportMissingImports]

    nodes = list(ast_nodes(get_ast_from_path(path)))
    for name in plugins.operator_names():
        kind = plugins.get_operator(name)
        if kind.arguments():
            continue
        operator = kind()
        places = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(places):
            yield name, occurrence, start


def _mutant(path: str, name: str, occurrence: int) -> Mutant | None:
    """The mutant, or None where nothing that runs is changed."""
    from cosmic_ray import plugins  # pyright: ignore[reportMissingImports]
    from cosmic_ray.mutating import mutate_code  # pyright: ignore[reportMissingImports]

    original = (ROOT / path).read_text()
    code = mutate_code(original, plugins.get_operator(name)(), occurrence)
    if code is None or meaning(code) == meaning(original):
        return None
    old, new = original.splitlines(), code.splitlines()
    start = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    kept = 0
    while kept < min(len(old), len(new)) - start and old[-1 - kept] == new[-1 - kept]:
        kept += 1
    before, after = old[start : len(old) - kept], new[start : len(new) - kept]
    return Mutant(path, start + 1, name.removeprefix("core/"), before, after)


def meaning(code: str) -> str:
    """The syntax tree without the annotations of functions, which are never evaluated."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            every = node.args
            for each in (*every.posonlyargs, *every.args, *every.kwonlyargs):
                each.annotation = None
    return ast.dump(tree)


def _room(path: str) -> str:
    return next(room for room in ROOMS if path.startswith(room + "/"))


def command_of(copy: Path, path: str) -> str:
    """Pytest over the room's files, those named after the module or its folder first."""
    module = Path(path)
    words = (module.stem, module.parent.name, module.parent.name.removesuffix("s"))
    files = [file for room in ROOMS[_room(path)] for file in (copy / room).rglob("test_*.py")]

    def far(file: Path) -> tuple[bool, bool, str]:
        named = any(word in file.stem or file.stem[5:] in word for word in words)
        return "compile" in file.stem, not named, str(file)

    names = [str(file.relative_to(copy)) for file in sorted(files, key=far)]
    return _pytest(copy, names)


def _pytest(copy: Path, names: Sequence[str]) -> str:
    roots = [copy, *(copy / room for room in ROOMS if room.startswith("plugins"))]
    search = ":".join(str(root.parent if root != copy else root) for root in roots)
    skipped = " and ".join(f"not {word}" for word in SLOW)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-k", skipped]
    whole = ["env", f"PYTHONPATH={search}", "OMP_NUM_THREADS=1", *command, *names]
    return shlex.join(["sh", "-c", f"cd {shlex.quote(str(copy))} && exec {shlex.join(whole)}"])


def _check_rooms(copy: Path, rooms: set[str]) -> None:
    """Stop if a room's tests fail without a mutant; their compiled files serve all mutants."""
    for room in sorted(rooms):
        command = _pytest(copy, ROOMS[room])
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the tests of {room} fail as they are:\n{done.stdout[-3000:]}")


def _said(mutant: Mutant) -> str:
    before = " ".join(line.strip() for line in mutant.before)
    after = " ".join(line.strip() for line in mutant.after)
    return f"{mutant.path}:{mutant.line}  {before[:90]}  ->  {after[:90]}"


def _print_score(mutants: Sequence[Mutant]) -> None:
    for room in ROOMS:
        own = [each for each in mutants if each.outcome and _room(each.path) == room]
        if own:
            killed = sum(each.outcome == "killed" for each in own)
            print(f"{room:30} {killed:4} of {len(own):4} killed")
    own = [each for each in mutants if each.outcome]
    killed = sum(each.outcome == "killed" for each in own)
    print(f"{'all':30} {killed:4} of {len(own):4} killed: {100 * killed / max(1, len(own)):.0f} %")


if __name__ == "__main__":
    main()
