"""An example of a task: gathered as data, printed as rows of tokens with their labels below."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from seqzoo.errors import SpecError
from seqzoo.escape import visible
from seqzoo.spec import PartSpec
from seqzoo.tasks import IGNORED, Task

__all__ = ["Example", "example_of", "print_example"]

HEAD = len("tokens ")


@dataclass(frozen=True)
class Example:
    """One training sequence of a task.

    Attributes:
        name: what was asked for: the task's, or that of a preset of it.
        task: the task it is from.
        settings: the task's, by key, defaults included.
        tokens: T token ids.
        labels: T token ids, `IGNORED` where there is none.
    """

    name: str
    task: Task
    settings: dict[str, Any]
    tokens: list[int]
    labels: list[int]

    def as_data(self) -> dict[str, Any]:
        """The whole example as plain values; a position without a label is null."""
        metric = self.task.metric
        return {
            "name": self.name,
            "task": self.task.name,
            "doc": self.task.summary(),
            "length": self.task.length,
            "vocab_size": self.task.vocab_size,
            "settings": self.settings,
            "metric": metric.name,
            "chance": metric.chance,
            "notes": list(self.task.notes()),
            "vocabulary": [
                {"name": kind.name, "first": kind.first, "size": kind.size}
                for kind in self.task.vocabulary()
            ],
            "tokens": self.tokens,
            "labels": [None if label == IGNORED else label for label in self.labels],
        }


def example_of(name: str, spec: PartSpec, seed: int) -> Example:
    """The first training sequence of a seed, of a task that was asked for by this name.

    Raises:
        SpecError: the task needs a file that is not there, or is malformed; or the sequence has no
            room in memory.
    """
    task: Task = spec.build()
    try:
        batch = task.train_batch(1, seed, 0)
    except (MemoryError, RuntimeError) as failure:
        if not isinstance(failure, MemoryError) and "allocate" not in str(failure):
            raise
        raise SpecError(
            f"task '{name}': a sequence of {task.length:,} tokens has no room in memory; "
            "show a shorter one: --set length=64"
        ) from None
    written = spec.model_dump(mode="json")
    settings = {key: value for key, value in written.items() if key != "type"}
    return Example(name, task, settings, batch.tokens[0].tolist(), batch.labels[0].tolist())


def print_example(example: Example, console: Console) -> None:
    """Print the task's facts and the sequence, folded to the console's width."""
    task, metric = example.task, example.task.metric
    kind = "" if example.name == task.name else f", a preset of {task.name}"
    _print_folded(console, f"{example.name}{kind}: {task.summary()}", bold=len(example.name))
    chance = "" if metric.chance is None else f", {metric.chance:.3g} by chance"
    _print_folded(
        console,
        f"length {task.length:,}, vocabulary {task.vocab_size:,}, measured by {metric.name}"
        f"{chance}",
    )
    settings = ", ".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in example.settings.items()
    )
    _print_folded(console, f"settings: {settings}")
    for note in task.notes():
        _print_folded(console, f"data: {note}")
    kinds = task.vocabulary()
    if kinds:
        ids = (
            f"{kind.first} {kind.name}"
            if kind.size == 1
            else f"{kind.first}-{kind.stop - 1} {kind.name}"
            for kind in kinds
        )
        _print_folded(console, "ids: " + ", ".join(ids))
    quiet = {
        token for kind in kinds if kind.name == "noise" for token in range(kind.first, kind.stop)
    }
    tokens = [visible(task.word(token)) for token in example.tokens]
    labels = ["." if label == IGNORED else visible(task.word(label)) for label in example.labels]
    width = 1 + max(map(cell_len, (*tokens, *labels)))
    a_line = max(1, (console.width - HEAD) // width)
    for start in range(0, len(tokens), a_line):
        stop = start + a_line
        above, below = Text("\ntokens "), Text("labels ")
        for token, word in zip(example.tokens[start:stop], tokens[start:stop], strict=True):
            above.append(word.rjust(width), style="dim" if token in quiet else "")
        for word in labels[start:stop]:
            below.append(word.rjust(width), style="dim" if word == "." else "bold green")
        console.print(above, soft_wrap=True)
        console.print(below, soft_wrap=True)


def _print_folded(console: Console, line: str, bold: int = 0) -> None:
    """Fold a long line into several; rich would leave a blank at the end of each."""
    lines = textwrap.wrap(visible(line), console.width, break_on_hyphens=False)
    text = Text("\n".join(lines))
    text.stylize("bold", 0, bold)
    console.print(text, soft_wrap=True)
