"""One family of errors: each message says where, what, and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqzoo.escape import visible

__all__ = [
    "BackendError",
    "DirectoryError",
    "PluginError",
    "Problem",
    "RunError",
    "SeqzooError",
    "SpecError",
    "and_others",
    "counted",
    "did_you_mean",
]


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun; the plural is the noun with an s unless it is given.

    >>> counted(1, "run"), counted(1200, "run"), counted(0, "search", "searches")
    ('1 run', '1,200 runs', '0 searches')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def and_others(labels: Sequence[str]) -> str:
    """The first item, and the number of others.

    >>> and_others(["a"]), and_others(["a", "b", "c"])
    ('a', 'a and 2 others')
    """
    others = len(labels) - 1
    return f"{labels[0]} and {counted(others, 'other')}" if others else labels[0]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The next step for an unknown name: the nearest valid one, or what is valid.

    >>> did_you_mean("kernel_sise", ["kernel_size"])
    "did you mean 'kernel_size'?"
    >>> did_you_mean("lr", ["train.optimizer.lr", "train.steps"])
    "did you mean 'train.optimizer.lr'?"
    """
    names = sorted(set(known))
    if not names:
        return "no names of this kind are known here"
    ends = [each for each in names if each.rpartition(".")[2] == name]
    near = ends[:3] or _nearest(name, names)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    if len(names) <= MOST_NAMED:
        return "known: " + ", ".join(names)
    nearest = difflib.get_close_matches(name, names, n=5, cutoff=0.0)
    return f"of {len(names)} known names the nearest are {', '.join(nearest)}"


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    """At most one name; a suffix of YAML that two names share makes them no more alike."""
    suffix = next((end for end in (".yaml", ".yml") if name.endswith(end)), "")
    stems = {each.removesuffix(suffix): each for each in names}
    found = difflib.get_close_matches(name.removesuffix(suffix), stems, n=1, cutoff=0.6)
    return [stems[stem] for stem in found]


MOST_NAMED = 30  # known names that are listed whole
MOST_TOLD = 100  # problems of one error that are printed


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Attributes:
        where: `file:line:col`, or the file alone, or "" where there is no file.
        path: dotted path of the value inside the document, "" for the document itself.
        what: what is wrong.
        hint: the next step; "" if `what` says it already.
    """

    where: str
    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        head = " ".join(part for part in (self.where, self.path) if part)
        body = f"{self.what}; {self.hint}" if self.hint else self.what
        return visible(f"{head}: {body}" if head else body)


class SeqzooError(Exception):
    """The base of every error a user can cause or meet; the command line prints it plainly.

    Each argument is one line of the message: names and paths inside it cannot begin another.
    """

    def __str__(self) -> str:
        return "\n".join(visible(str(line)) for line in self.args)


class SpecError(SeqzooError, ValueError):
    """The input is wrong. Carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem(where="", path="", what=problems)]
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:MOST_TOLD]]
        if len(self.problems) > MOST_TOLD:
            lines.append(f"and {len(self.problems) - MOST_TOLD:,} more")
        super().__init__(*lines)

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class BackendError(SeqzooError, ValueError):
    """The scan backend that was asked for cannot compute the problem, or not on this device."""


class PluginError(SeqzooError):
    """A plugin cannot be loaded or breaks a rule of the registry."""


class RunError(SeqzooError):
    """A run cannot start, continue or be read back: diverged, corrupt, incomplete."""


class DirectoryError(RunError):
    """The directory named is not what the command takes: the input is wrong, no run failed."""
