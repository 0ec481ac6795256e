"""Trip counts of a kernel's loops, from their `for` statements and the launch's arguments."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

Number = int | float


def trips(file: str, line: int, names: Mapping[str, Any]) -> float:
    """How often the loop runs whose `for` statement stands at a line.

    Args:
        file: a Python file.
        line: of the statement.
        names: what the names in its `range` stand for; a mean where programs differ.

    Raises:
        ValueError: no such statement, or a name without a number.
    """
    statement = _statements(file).get(line)
    where = f"{file}:{line}"
    if statement is None:
        raise ValueError(f"{where}: the machine code has a loop here, and the source none")
    call = statement.iter
    if not isinstance(call, ast.Call) or _name(call.func) not in ("range", "static_range"):
        raise ValueError(f"{where}: not a loop over a range")
    values = [_value(argument, names, where) for argument in call.args]
    first, last, step = {1: (0, *values, 1), 2: (*values, 1), 3: tuple(values)}[len(values)]
    return max(0.0, (last - first) / step)


@cache
def _statements(file: str) -> dict[int, ast.For]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.For)}


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _value(node: ast.expr, names: Mapping[str, Any], where: str) -> Number:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        if isinstance(names.get(node.id), int | float):
            return names[node.id]
        raise ValueError(f"{where}: {node.id} has no number here")
    if isinstance(node, ast.Call) and _name(node.func) == "cdiv":
        over, by = (_value(argument, names, where) for argument in node.args)
        return -(-over // by)
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, names, where), _value(node.right, names, where)
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
