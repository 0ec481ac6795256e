"""FoX, written out, and what it carries."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

import seqzoo
from seqzoo.errors import SpecError

from .functions import sigmoid
from .transcriptions import REGISTRY, check_transcription


def rms(x: Tensor, gain: Tensor | None) -> Tensor:
    return x if gain is None else gain * x / (x.square().mean() + 1e-5).sqrt()


def fox(heads: int, key_heads: int):
    def layer(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
        """Softmax over j <= i of q_i k_j / sqrt(d) + sum of log f_s over j < s <= i."""
        size = x.shape[1] // heads
        keys, values, forgets, outputs = [], [], [], []
        for i, token in enumerate(x):
            made = (w["qkv.weight"] @ token).view(-1, size)
            q, k, v = made.split([heads, key_heads, key_heads])
            keys.append(k)
            values.append(v)
            forgets.append(sigmoid(w["forget.weight"] @ token + w["forget.bias"]))
            reads = []
            for h in range(heads):
                g = h * key_heads // heads
                logits = torch.stack(
                    [
                        rms(q[h], w.get("query_norm.weight"))
                        @ rms(keys[j][g], w.get("key_norm.weight"))
                        / size**0.5
                        + sum(torch.log(forgets[s][h]) for s in range(j + 1, i + 1))
                        for j in range(i + 1)
                    ]
                )
                shares = torch.exp(logits) / torch.exp(logits).sum()
                reads.append(sum(shares[j] * values[j][g] for j in range(i + 1)))
            read = torch.cat(reads)
            if "gate.weight" in w:
                read = read * sigmoid(w["gate.weight"] @ token)
            outputs.append(w["project.weight"] @ read)
        return torch.stack(outputs)

    return layer


@pytest.mark.parametrize(
    ("changes", "heads", "key_heads"),
    [
        ({}, 1, 1),
        ({"heads": 4, "key_heads": 2}, 4, 2),
        ({"heads": 2, "norm": "rms_norm", "gate": "sigmoid"}, 2, 2),
    ],
)
def test_it_is_the_published_layer(changes: dict, heads: int, key_heads: int) -> None:
    check_transcription({"type": "forgetting_attention", **changes}, fox(heads, key_heads))


def test_far_tokens_keep_exact_decays_between_near_ones() -> None:
    """What is carried counts from the newest token, so a long past does not round it."""
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer("forgetting_attention", 16, REGISTRY)
    with torch.no_grad():
        _, state = mixer(torch.randn(1, 50, 16))
        _, state = mixer(torch.randn(1, 3, 16), state)
    decay = state["cache.decay"]
    assert decay.shape == (1, 53, 1, 1)
    assert decay[0, -1].item() == 0
    assert (decay[0, 1:] >= decay[0, :-1]).all()


def test_heads_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpecError, match="4 heads are not a multiple of 3 key heads"):
        seqzoo.build_mixer(
            {"type": "forgetting_attention", "heads": 4, "key_heads": 3}, 16, REGISTRY
        )
