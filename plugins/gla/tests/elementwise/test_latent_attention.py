"""Latent attention, written out, and what it carries."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError

from .transcriptions import REGISTRY, check_transcription


def mla(heads: int, key: int, shared: int, value: int):
    def layer(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
        """Softmax over s <= t of q_t [k_s, r_s] / sqrt(key + shared), times v_s."""
        rank = w["expand.weight"].shape[1]
        keys, values, outputs = [], [], []
        for token in x:
            made = w["compress.weight"] @ token
            c, r = made[:rank], made[rank:]
            c = w["norm.weight"] * c / (c.square().mean() + 1e-6).sqrt()
            both = (w["expand.weight"] @ c).view(heads, key + value)
            keys.append([torch.cat([both[h, :key], r]) for h in range(heads)])
            values.append(both[:, key:])
            queries = (w["queries.weight"] @ token).view(heads, key + shared)
            reads = []
            for h in range(heads):
                scores = torch.stack([queries[h] @ each[h] for each in keys])
                weights = torch.exp(scores / (key + shared) ** 0.5)
                weights = weights / weights.sum()
                reads.append(sum(p * each[h] for p, each in zip(weights, values, strict=True)))
            outputs.append(w["project.weight"] @ torch.cat(reads))
        return torch.stack(outputs)

    return layer


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, (1, 16, 8, 16)),
        ({"heads": 3, "key_size": 4, "shared_size": 3, "value_size": 7, "rank": 5}, (3, 4, 3, 7)),
        ({"heads": 2, "shared_size": 0, "value_size": 2}, (2, 8, 0, 2)),
    ],
)
def test_it_is_the_published_layer(changes: dict, sizes: tuple[int, ...]) -> None:
    check_transcription({"type": "latent_attention", **changes}, mla(*sizes))


def test_a_token_leaves_its_latent_alone() -> None:
    mixer = seqzoo.build_mixer({"type": "latent_attention", "heads": 4, "rank": 6}, 32, REGISTRY)
    _, state = mixer(torch.randn(1, 9, 32))
    assert state["latents"].shape == (1, 9, 1, 6 + 4)
    assert mixer.state_size(9) == 9 * 10 + 1


def test_values_longer_than_keys_are_refused() -> None:
    with pytest.raises(SpecError, match="value_size 9 is more than the 6 features of a key"):
        seqzoo.build_mixer(
            {"type": "latent_attention", "key_size": 4, "value_size": 9}, 16, REGISTRY
        )
