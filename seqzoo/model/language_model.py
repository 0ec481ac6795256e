"""The language model: token embedding, blocks, a norm and a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqzoo.model.block import Block, make_norm
from seqzoo.model.mixer import Mixer, state_elements
from seqzoo.model.places import places
from seqzoo.operators import Handed, State
from seqzoo.spec.model import ModelSpec

__all__ = ["LanguageModel"]


class LanguageModel(nn.Module):
    """tokens (B, T) -> logits (B, T, vocabulary); carries one state per block."""

    def __init__(self, spec: ModelSpec, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, spec.width)
        nn.init.normal_(self.embedding.weight, std=spec.embedding_std)
        layers = tuple(spec.blocks())
        self.blocks = nn.ModuleList(
            Block(layer, place, spec.norm, spec.dropout)
            for layer, place in zip(layers, places(spec.width, layers), strict=True)
        )
        self.norm = make_norm(spec.norm, spec.width)
        self.head = nn.Linear(spec.width, vocab_size, bias=False)
        if spec.tie_embeddings:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """tokens (B, T) int64, state -> logits (B, T, vocabulary), state."""
        hidden, state = self.hidden(tokens, state)
        return self.logits(hidden), state

    def hidden(
        self,
        tokens: Tensor,
        state: State | None = None,
        positions: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """tokens (B, T) int64, state -> features before the head (B, T, D), state.

        With positions (N,), flat indices b * T + t, the features are those of these tokens, (N, D),
        and the last block computes nothing else after its mixer.

        With cu_seqlens (N + 1,), flat indices too, the tokens are documents that begin there, one
        row after the other; none sees another, and no state is taken or returned.

        Raises:
            ValueError: a state and cu_seqlens.
            SpecError: cu_seqlens, and a part that cannot keep documents apart.
        """
        features, state, _ = self.hidden_and_losses(tokens, state, positions, cu_seqlens)
        return features, state

    def hidden_and_losses(
        self,
        tokens: Tensor,
        state: State | None = None,
        positions: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> tuple[Tensor, State, dict[str, Tensor]]:
        """As `hidden`, and the layers' auxiliary losses: scalars by name, summed over layers."""
        shape = tokens.shape
        if cu_seqlens is not None:
            if state is not None:
                raise ValueError(
                    "documents start from an empty state: give a state or cu_seqlens, not both"
                )
            tokens = tokens.reshape(1, -1)
        x = self.embedding(tokens)
        handed = Handed({}, {})
        after = []
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            before = None if state is None else state[index]
            wanted = positions if index == last else None
            x, block_state, handed = block(x, before, handed, wanted, cu_seqlens)
            after.append(block_state)
        if cu_seqlens is not None and positions is None:
            x = x.unflatten(1, shape).squeeze(0)
        return self.norm(x), tuple(after), handed.losses

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., D) -> (..., vocabulary)."""
        return self.head(hidden)

    def logits_of(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Some of the logits: hidden (N, D), tokens (C,) for all rows or (N, C) -> (N, C)."""
        weights = self.head.weight[tokens]
        if tokens.dim() == 1:
            return hidden @ weights.T
        return (weights @ hidden.unsqueeze(-1)).squeeze(-1)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token: one for each block."""
        return tuple(block.initial_state(batch_size) for block in self._blocks())

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One token a sequence: tokens (B,), state -> logits (B, vocabulary), state."""
        logits, state = self(tokens.unsqueeze(1), state)
        return logits.squeeze(1), state

    def state_size(self, context: int) -> int:
        """Elements carried for one sequence after `context` tokens."""
        mlps = sum(state_elements(block.initial_state(1)["mlp"]) for block in self._blocks())
        return mlps + sum(mixer.state_size(context) for mixer in self.mixers())

    def parameter_count(self) -> int:
        """Number of trained parameters, a tied head counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def mixers(self) -> tuple[Mixer, ...]:
        """The mixer of every block from the first to the last."""
        return tuple(block.mixer for block in self._blocks())

    def _blocks(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Block))

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.embedding.weight.device
