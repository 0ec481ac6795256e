"""`seqzoo generate`: text from a trained run, printed as it is drawn."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqzoo.escape import json_text, visible_lines

if TYPE_CHECKING:
    import torch

    from seqzoo.tasks.text import Text

__all__ = ["command"]


class Which(StrEnum):
    """Which checkpoint."""

    LAST = "last"
    BEST = "best"


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run trained on text.")],
    prompt: Annotated[
        list[str] | None, typer.Option(help="The beginning of a text; may be repeated.")
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with one prompt a line.")
    ] = None,
    length: Annotated[int, typer.Option(min=1, help="Tokens to draw.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the most likely token each time.")
    ] = 0.8,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Draw among the K most likely only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw among the most likely that reach this probability together."),
    ] = None,
    checkpoint: Annotated[Which, typer.Option(help="Whose weights.")] = Which.LAST,
    seed: Annotated[int, typer.Option(help="The seed of the draws.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: a list of prompt and continuation.")
    ] = False,
) -> None:
    """Continue prompts with a trained run. A single prompt streams; of several, the first does."""
    import torch

    import seqzoo
    from seqzoo.denormals import flushed_denormals
    from seqzoo.errors import SpecError
    from seqzoo.model import Sampling, generate
    from seqzoo.train import load_trained
    from seqzoo.train.trained import spec_of

    texts = _texts(prompt or (), prompts)
    try:
        sampling = Sampling(temperature, top_k, top_p)
    except ValueError as failure:
        raise SpecError(f"seqzoo generate: {failure}") from None
    registry = seqzoo.load_registry()
    task = _text_task(spec_of(directory, registry).task.build(), directory)
    _, model = load_trained(directory, registry, checkpoint.value)
    encoded = [_encoded(task, text, number, len(texts)) for number, text in enumerate(texts, 1)]
    spellings = [task.spelling(ids) for ids in encoded]
    shown = not as_json
    if shown:
        _show(_heading(1, len(texts)) + texts[0])
    drawn = generate(
        model.eval(),
        [torch.tensor(ids, dtype=torch.long) for ids in encoded],
        length,
        sampling,
        _draws(encoded, seed),
    )
    with flushed_denormals():
        for tokens in drawn:
            pieces = [spell(token) for spell, token in zip(spellings, tokens.tolist(), strict=True)]
            if shown:
                _show(pieces[0])
    rests = [spell.rest() for spell in spellings]
    if as_json:
        rows = [
            {"prompt": text, "continuation": "".join(spell.pieces)}
            for text, spell in zip(texts, spellings, strict=True)
        ]
        print(json_text(rows))
        return
    _show(rests[0] + "\n")
    for number, (text, spell) in enumerate(zip(texts[1:], spellings[1:], strict=True), 2):
        _show("\n" + _heading(number, len(texts)) + text + "".join(spell.pieces) + "\n")


def _texts(given: Sequence[str], file: Path | None) -> list[str]:
    """All prompts, those of the file last.

    Raises:
        SpecError: there is none, one is empty, or the file cannot be read.
    """
    from seqzoo.errors import SpecError
    from seqzoo.files import open_regular

    texts = list(given)
    if file is not None:
        try:
            with open_regular(file) as source:
                content = source.read().decode("utf-8-sig")  # a byte order mark is no prompt
            lines = content.replace("\r\n", "\n").split("\n")
        except UnicodeDecodeError:
            raise SpecError(f"--prompts {file} is not UTF-8 text; save it as UTF-8") from None
        except OSError as failure:
            raise SpecError(
                f"--prompts {file} cannot be read: {failure.strerror}; name a file with one "
                "prompt a line"
            ) from None
        texts += [line for line in lines if line]
    if "" in texts:
        raise SpecError("--prompt is empty; give at least one character")
    if not texts:
        empty = f"--prompts {file} holds no line; " if file else ""
        raise SpecError(f"{empty}give --prompt TEXT, or --prompts FILE with one prompt a line")
    return texts


def _text_task(task: object, directory: Path) -> Text:
    """The task of the run, with the text that it was trained on.

    Raises:
        SpecError: it has no text, or its file is not the one it was trained on.
    """
    from seqzoo.errors import SpecError
    from seqzoo.tasks.text import Text
    from seqzoo.train.checkpoint import latest
    from seqzoo.train.seals import read_state

    if not isinstance(task, Text):
        raise SpecError(
            f"{directory}: trained on '{getattr(task, 'name', '?')}', which has no text to "
            "continue; generate takes a run of task: text"
        )
    folder = latest(directory / "checkpoint")
    if folder is not None and read_state(folder).progress.fingerprint != task.fingerprint:
        raise SpecError(
            f"{directory}: its text file {task.spec.path} is not the one it was trained on, so its "
            "tokens may mean other characters; put the old file back"
        )
    return task


def _encoded(task: Text, text: str, number: int, count: int) -> tuple[int, ...]:
    from seqzoo.errors import SpecError

    try:
        tokens = tuple(task.encode(text))
    except SpecError as failure:
        if count == 1:
            raise
        raise SpecError(f"prompt {number} of {count}: {failure}") from None
    if not tokens:
        raise SpecError(f"prompt {number} of {count} has no tokens; give another")
    return tokens


def _draws(prompts: Sequence[tuple[int, ...]], seed: int) -> list[torch.Generator]:
    """One random generator per prompt, independent of the others; equal prompts differ."""
    import torch

    before: Counter[tuple[int, ...]] = Counter()
    generators = []
    for tokens in prompts:
        name = f"{seed}/{before[tokens]}/{','.join(map(str, tokens))}"
        digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
        generators.append(torch.Generator().manual_seed(int.from_bytes(digest, "big")))
        before[tokens] += 1
    return generators


def _heading(number: int, count: int) -> str:
    return f"[{number}/{count}]\n" if count > 1 else ""


def _show(text: str) -> None:
    sys.stdout.write(visible_lines(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
