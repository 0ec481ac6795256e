"""Trip counts of a kernel's loops, from their `for` statements and the launch's arguments."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Number = int | float


def trips(file: str, line: int, names: Mapping[str, Any]) -> float:
    """How often the loop runs whose `for` statement stands at a line.

    Args:
        file: the Python file that the machine code names. Triton's cache may hold what another
            checkout compiled from the same text, so what is read is `imported(file)`.
        line: of the statement.
        names: what the names in its `range` stand for; a mean where programs differ.

    Raises:
        ValueError: no such statement, or a name without a number.
    """
    file = imported(file)
    statement = _statements(file).get(line)
    where = f"{file}:{line}"
    if statement is None:
        raise ValueError(f"{where}: the machine code has a loop here, and the source none")
    call = statement.iter
    if not isinstance(call, ast.Call) or _name(call.func) not in ("range", "static_range"):
        raise ValueError(f"{where}: not a loop over a range")
    known = _Known(names, _assignments(file, line))
    values = [_value(argument, known, where) for argument in call.args]
    first, last, step = {1: (0, *values, 1), 2: (*values, 1), 3: tuple(values)}[len(values)]
    return max(0.0, (last - first) / step)


def imported(file: str) -> str:
    """The file from which this process imported the module that a recorded file holds.

    A module is known by the end of its path: `seqzoo.scan.packing` stands in
    `seqzoo/scan/packing.py` of any checkout. The recorded file itself where no such module is
    imported.
    """
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    if file in files.values():
        return file
    parts = Path(file).with_suffix("").parts
    names = (".".join(parts[start:]) for start in range(1, len(parts)))
    return next((found for name in names if (found := files.get(name))), file)


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text(encoding="utf-8"))


@cache
def _statements(file: str) -> dict[int, ast.For]:
    return {node.lineno: node for node in ast.walk(_tree(file)) if isinstance(node, ast.For)}


@cache
def _assignments(file: str, line: int) -> Mapping[str, ast.expr]:
    """What the function around a line says that its names are; the last word before it."""
    around = [
        node
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    found: dict[str, ast.expr] = {}
    for node in (n for function in around for n in ast.walk(function) if isinstance(n, ast.Assign)):
        (target, value) = (node.targets[0], node.value)
        if node.lineno >= line:
            continue
        if isinstance(target, ast.Name):
            found[target.id] = value
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = zip(target.elts, value.elts, strict=True)
            found |= {name.id: x for name, x in pairs if isinstance(name, ast.Name)}
    return found


class _Known(NamedTuple):
    """What names stand for: numbers, and expressions of others."""

    numbers: Mapping[str, Any]
    expressions: Mapping[str, ast.expr]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _value(node: ast.expr, known: _Known, where: str) -> Number:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        if isinstance(known.numbers.get(node.id), int | float):
            return known.numbers[node.id]
        if node.id in known.expressions:
            others = {name: x for name, x in known.expressions.items() if name != node.id}
            return _value(known.expressions[node.id], known._replace(expressions=others), where)
        raise ValueError(f"{where}: {node.id} has no number here")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, known, where)
    if isinstance(node, ast.Call) and _name(node.func) == "cdiv":
        over, by = (_value(argument, known, where) for argument in node.args)
        return -(-over // by)
    if isinstance(node, ast.Call) and _name(node.func) == "min":
        return min(_values(node.args, known, where))
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, known, where), _value(node.right, known, where)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.FloorDiv():
                return left // right
            case _:
                pass
    raise ValueError(f"{where}: {ast.unparse(node)} is more than this counter reads")


def _values(nodes: list[ast.expr], known: _Known, where: str) -> list[Number]:
    """Those of a minimum that are numbers; the rest, such as the tokens left, bind at an end."""
    found, failed = [], None
    for node in nodes:
        try:
            found.append(_value(node, known, where))
        except ValueError as error:
            failed = error
    if not found and failed is not None:
        raise failed
    return found
