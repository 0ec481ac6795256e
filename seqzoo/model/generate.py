"""Streaming decode: the prompt in parallel, then one token at a time in the carried state."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqzoo.model.language_model import LanguageModel

__all__ = ["generate", "sample"]


def sample(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator | None
) -> Tensor:
    """Draw one token a sequence: logits (B, vocabulary) -> (B,) int64.

    Args:
        logits: float, any dtype.
        temperature: 0 takes the most likely token.
        top_k: draw among the k most likely only; None for all.
        generator: of the draws; None is torch's global one.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits.float() / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=generator).squeeze(-1)


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prompt: Tensor,
    count: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """Yield `count` new tokens a sequence, each (B,) as soon as it is drawn.

    Memory does not grow with the count for mixers whose state does not.

    Args:
        model: its dropout is off while tokens are drawn, if the caller set model.eval().
        prompt: (B, T) int64, T >= 1.
        count: tokens to draw.
        temperature: 0 is greedy.
        top_k: see `sample`.
        generator: see `sample`.

    Raises:
        ValueError: an empty prompt, a negative temperature, top_k below 1.
    """
    if prompt.dim() != 2 or prompt.shape[1] == 0:
        raise ValueError(f"a prompt is (B, T) with T >= 1, got {tuple(prompt.shape)}")
    if temperature < 0:
        raise ValueError(f"temperature is 0 (greedy) or more, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is 1 or more, got {top_k}")
    hidden, state = model.hidden(prompt)
    logits = model.logits(hidden[:, -1])
    for drawn in range(count):
        tokens = sample(logits, temperature, top_k, generator)
        yield tokens
        if drawn + 1 < count:
            logits, state = model.step(tokens, state)
