"""Runs as flat rows, filtered by conditions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqzoo.errors import SpecError, did_you_mean
from seqzoo.grid.labels import axis_labels
from seqzoo.report.collect.results import Collection as Runs
from seqzoo.report.collect.results import Result
from seqzoo.report.runs.changes import flat
from seqzoo.spec.reading import read_yaml

__all__ = ["list_runs", "run_row"]

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CONDITION = re.compile(r"\s*([^=!<>\s]+)\s*(<=|>=|!=|=|<|>)(.*)", re.DOTALL)


def run_row(result: Result) -> dict[str, Any]:
    """The facts of a run by name: place, state, metrics, costs."""
    record = result.record
    return {
        "run": result.run_id,
        "variant": result.variant or None,
        **result.point,
        "seed": result.seed,
        **({"trial": result.tried.number} if result.tried else {}),
        "state": result.state,
        **(record.metrics if record else {}),
        **(
            {f"auxiliary.{name}": value for name, value in record.auxiliary.items()}
            if record
            else {}
        ),
        "steps": record.steps if record else None,
        "reached_at": record.reached_at if record else None,
        "parameters": record.parameters if record else None,
        "state_size": record.state_size if record else None,
        "tokens_per_s": record.timings.tokens_per_s if record else None,
        "wall_s": record.timings.wall_s if record else None,
        "error": result.error,
    }


def list_runs(
    collection: Runs, conditions: Sequence[str] = (), sort: str | None = None
) -> list[Result]:
    """The runs that meet all conditions, in the plan's order or sorted.

    Args:
        collection: the runs.
        conditions: `NAME=VALUE`, or with one of != < <= > >=. A name is a fact of `run_row`, the
            last word of an axis, or a dotted path into the spec. A run without the fact, or with
            one of another type than the value, meets only !=.
        sort: a name to sort by, ascending; runs without it come last.

    Raises:
        SpecError: a condition cannot be read, or no run has a fact of this name.
    """
    runs = [*collection.results, *collection.trials]
    read = [_Condition.read(text) for text in conditions]
    names = [condition.name for condition in read] + ([sort] if sort else [])
    if not names:
        return runs
    labels = axis_labels(collection.axes)
    facts = [_facts(result, labels) for result in runs]
    known = {name for row in facts for name in row}
    for name in names:
        if name not in known:
            none_done = all(result.record is None for result in runs)
            yet = " (none has finished yet)" if none_done else ""
            raise SpecError(f"no run here has '{name}'{yet}; {did_you_mean(name, known)}")
    tests = [
        (condition.name, condition.test([row.get(condition.name) for row in facts]))
        for condition in read
    ]
    chosen = [
        (row, result)
        for row, result in zip(facts, runs, strict=True)
        if all(holds(row.get(name)) for name, holds in tests)
    ]
    if sort:
        chosen.sort(key=lambda pair: _rank(pair[0].get(sort)))
    return [result for _, result in chosen]


@dataclass(frozen=True)
class _Condition:
    """A condition as written: name, operator, and an unparsed value."""

    name: str
    sign: str
    word: str

    @classmethod
    def read(cls, text: str) -> _Condition:
        match = CONDITION.fullmatch(text)
        if match is None:
            raise SpecError(
                f"'{text}' is not a condition; write NAME=VALUE, or with one of "
                + " ".join(sign for sign in OPERATORS if sign != "=")
            )
        name, sign, word = match.groups()
        return cls(name, sign, word)

    def test(self, facts: Collection[Any]) -> Callable[[Any], bool]:
        """Make the test that a run's fact must pass.

        Args:
            facts: the facts of all runs under this name. A value equal to one of them, such as the
                variant `[no mlp]`, means that one; any other is parsed as in specs.

        Raises:
            SpecError: the value is none of the facts and cannot be parsed.
        """
        word = self.word if self.word in facts else self.word.strip()
        value = word if word in facts else _value(word, str(self))
        compare = OPERATORS[self.sign]

        def holds(fact: Any) -> bool:
            if fact is None and value is not None:
                return self.sign == "!="
            if self.sign in ("=", "!=") and isinstance(fact, bool) != isinstance(value, bool):
                return self.sign == "!="  # true is not 1
            try:
                return compare(fact, value)
            except TypeError:  # numbers and texts have no order
                return False

        return holds

    def __str__(self) -> str:
        return f"--where {self.name}{self.sign}{self.word.strip()}"


def _value(word: str, where: str) -> Any:
    """Parse a value by the rules of specs: `off` is text, `1e-3` a number, `010` an error."""
    if not word:
        return None
    data, _, traps = read_yaml(word, where, lines=False)
    if traps:
        raise SpecError([trap.problem for trap in traps])
    if isinstance(data, str | dict) and word[0] not in "'\"":
        return word  # a # in it begins no comment, a colon no mapping
    return data


def _facts(result: Result, labels: Mapping[str, str]) -> dict[str, Any]:
    """All names of a run's facts; a fact takes precedence over a path of the spec."""
    axes = {name: result.point.get(axis) for axis, name in labels.items()}
    return {**flat(result.spec), **axes, **run_row(result)}


def _rank(fact: Any) -> tuple[int, float, str]:
    if isinstance(fact, int | float):
        return 0, float(fact), ""
    return (2, 0.0, "") if fact is None else (1, 0.0, str(fact))
