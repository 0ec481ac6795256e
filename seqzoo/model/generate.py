"""Streaming decode: prompts in parallel, then one token at a time in the carried state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from seqzoo.model.language_model import LanguageModel
from seqzoo.model.sampling import Draws, Sampling
from seqzoo.operators import State

__all__ = ["generate"]

Group = tuple[Tensor, Tensor, State]  # places of its prompts, their logits, their state


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompts: Tensor | Sequence[Tensor],
    count: int,
    sampling: Sampling | None = None,
    draws: Draws = None,
) -> Iterator[Tensor]:
    """Yield `count` new tokens a prompt, each (B,) as soon as it is drawn.

    Prompts of the same length are read in one parallel call. If the size of the state does not
    depend on the prompt, all prompts then continue as one batch; otherwise (attention) those of the
    same length do. Memory grows with the count only where the state does. If a mixer carries no
    state, the whole prefix is recomputed for every token.

    Args:
        model: its dropout is off while tokens are drawn, if the caller set model.eval().
        prompts: (B, T) int64, or B tensors (T_b,) of any lengths, each >= 1.
        count: tokens to draw.
        sampling: what is drawn among; None is everything, at temperature 1.
        draws: see `Sampling.draw`; with one generator for each prompt, what a prompt gives does not
            depend on the others.

    Raises:
        ValueError: no prompt, or an empty one.
    """
    sampling = sampling or Sampling()
    rows = list(prompts)
    if not rows or any(row.dim() != 1 or len(row) == 0 for row in rows):
        raise ValueError("give prompts as (B, T), or as tensors (T,), with B >= 1 and T >= 1")
    if not all(mixer.streams for mixer in model.mixers()):
        yield from _anew(model, rows, count, sampling, draws)
        return
    groups = _prefill(model, rows)
    where = torch.cat([members for members, _, _ in groups])
    back = where.argsort()
    for drawn in range(count):
        logits = torch.cat([logits for _, logits, _ in groups])[back]
        tokens = sampling.draw(logits, draws)
        yield tokens
        if drawn + 1 < count:
            groups = [
                (members, *model.step(tokens[members], state)) for members, _, state in groups
            ]


def _anew(
    model: LanguageModel, rows: list[Tensor], count: int, sampling: Sampling, draws: Draws
) -> Iterator[Tensor]:
    """As `generate`, for models without a state: prompts of one length share one call per token."""
    for _ in range(count):
        groups = _prefill(model, rows)
        where = torch.cat([members for members, _, _ in groups])
        logits = torch.cat([logits for _, logits, _ in groups])[where.argsort()]
        tokens = sampling.draw(logits, draws)
        yield tokens
        rows = [torch.cat((row, token)) for row, token in zip(rows, tokens.split(1), strict=True)]


def _prefill(model: LanguageModel, rows: Sequence[Tensor]) -> list[Group]:
    """Read the prompts, those of one length in one call; join the groups whose states fit."""
    groups: list[Group] = []
    for length in sorted({len(row) for row in rows}):
        chosen = [place for place, row in enumerate(rows) if len(row) == length]
        hidden, state = model.hidden(torch.stack([rows[place] for place in chosen]))
        members = torch.tensor(chosen, device=hidden.device)
        group = (members, model.logits(hidden[:, -1]), state)
        joined = _joined(groups[-1], group) if groups else None
        if joined is None:
            groups.append(group)
        else:
            groups[-1] = joined
    return groups


def _joined(first: Group, second: Group) -> Group | None:
    """Both as one batch; None where their states differ in more than the batch size."""
    ours, kind = pytree.tree_flatten(first[2])
    theirs, other = pytree.tree_flatten(second[2])
    fits = kind == other and all(
        a.dim()
        and b.dim()
        and len(a) == len(first[0])
        and len(b) == len(second[0])
        and a.shape[1:] == b.shape[1:]
        for a, b in zip(ours, theirs, strict=True)
    )
    if not fits:
        return None
    leaves = [torch.cat(pair) for pair in zip(ours, theirs, strict=True)]
    state = pytree.tree_unflatten(leaves, kind)
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]]), state
