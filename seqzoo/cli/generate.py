"""`seqzoo generate`: text from a trained run, character by character as it is drawn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST_CHARACTER = 4  # bytes of UTF-8


def command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A trained run on a text.")],
    prompt: Annotated[str, typer.Option(help="What the text begins with.")],
    length: Annotated[int, typer.Option(min=1, help="Tokens to draw.")] = 500,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0 takes the most likely token each time.")
    ] = 0.8,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Draw among the K most likely only.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
) -> None:
    """Continue a prompt with a trained run, streaming."""
    import torch

    import seqzoo
    from seqzoo.errors import SpecError
    from seqzoo.model import generate
    from seqzoo.tasks.text import Text
    from seqzoo.train import load_trained

    spec, model = load_trained(directory, seqzoo.load_registry())
    task = spec.task.build()
    if not isinstance(task, Text):
        raise SpecError(
            f"{directory}: trained on '{spec.task.part.name}', which has no text to continue; "
            "generate takes a run of task: text"
        )
    tokens = task.encode(prompt)
    if len(tokens) == 0:
        raise SpecError("--prompt is empty; give at least one character")
    generator = torch.Generator().manual_seed(seed)
    sys.stdout.write(prompt)
    pending: list[int] = []
    drawn = generate(
        model.eval(),
        torch.as_tensor(tokens, dtype=torch.long).unsqueeze(0),
        length,
        temperature=temperature,
        top_k=top_k,
        generator=generator,
    )
    for token in drawn:
        pending.append(int(token))
        text = task.decode(pending)
        if text.endswith(REPLACEMENT) and len(pending) < LONGEST_CHARACTER:
            continue  # a character of several bytes that is not whole yet
        sys.stdout.write(text)
        sys.stdout.flush()
        pending.clear()
    sys.stdout.write("\n")
