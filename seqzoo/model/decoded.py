"""A language model whose answers a decoder reads."""

from __future__ import annotations

import torch
from torch import Tensor

from seqzoo.model.decoder import Decoder
from seqzoo.model.language_model import LanguageModel
from seqzoo.operators import State
from seqzoo.spec import PartSpec
from seqzoo.spec.model import ModelSpec

__all__ = ["DecodedModel"]


class DecodedModel(LanguageModel):
    """tokens (B, T) -> logits (B, T, vocabulary), from the features that its decoder makes.

    An answer may depend on later tokens, so there is no next token to draw.
    """

    def __init__(self, spec: ModelSpec, vocab_size: int, decoder: PartSpec[Decoder]) -> None:
        super().__init__(spec, vocab_size)
        self.decoder = decoder.build(spec.width)

    def hidden_and_losses(
        self,
        tokens: Tensor,
        state: State | None = None,
        positions: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """As for any language model: the features that the head reads, the state, auxiliary losses.

        Raises:
            ValueError: cu_seqlens; a decoder takes a row for one sequence.
        """
        if cu_seqlens is not None:
            raise ValueError("a decoder takes each row for one sequence, and this batch has more")
        rows, length = tokens.shape
        sources = self.decoder.sources(rows, length, tokens.device)
        features, state, losses = super().hidden_and_losses(tokens, state, sources)
        if positions is not None:
            return self.decoder(features, positions, length), state, losses
        every = torch.arange(tokens.numel(), device=tokens.device)
        answers = self.decoder(features, every, length).unflatten(0, (rows, length))
        return answers, state, losses

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Refused: answers may depend on later tokens.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"decoder '{self.decoder.name}' reads whole sequences: the model cannot be stepped"
        )
