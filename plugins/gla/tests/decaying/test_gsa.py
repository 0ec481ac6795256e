"""Gated slot attention against its recurrence, written out token by token."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seqzoo
from seqzoo.errors import SpecError

from .transcription import Weights, agrees, gain_normed

REGISTRY = seqzoo.load_registry()
WIDTH, HEADS, SIZE = 16, 2, 8


def gsa(weights: Weights, x: Tensor) -> Tensor:
    """Each slot keeps f of its key and value and takes in 1 - f of the token's."""
    q, k, v = (
        F.silu(x @ weights[f"{name}.project.weight"].T).view(len(x), -1, SIZE)
        for name in ("queries", "key", "value")
    )
    f = torch.sigmoid(x @ weights["forget.weight"].T).view(len(x), k.shape[1], -1) ** (1 / 8)
    k, v, f = (each[:, [h * each.shape[1] // HEADS for h in range(HEADS)]] for each in (k, v, f))
    slots = f.shape[-1]
    keys, values = (
        [torch.zeros(slots, SIZE, dtype=x.dtype) for _ in range(HEADS)] for _ in range(2)
    )
    rows = []
    for t in range(len(x)):
        heads = []
        for h in range(HEADS):
            keep = f[t, h].unsqueeze(-1)
            keys[h] = keep * keys[h] + (1 - keep) * k[t, h]
            values[h] = keep * values[h] + (1 - keep) * v[t, h]
            heads.append(torch.softmax(keys[h] @ q[t, h], dim=0) @ values[h])
        normed = gain_normed(F.silu(torch.cat(heads)), weights["readout.norm.weight"])
        rows.append(weights["readout.project.weight"] @ normed)
    return torch.stack(rows)


@pytest.mark.parametrize("changes", [{}, {"slots": 5}, {"key_heads": 1}])
def test_it_is_the_published_recurrence(changes: dict[str, int]) -> None:
    torch.manual_seed(0)
    spec = {"type": "gsa", "heads": HEADS, **changes}
    agrees(seqzoo.build_mixer(spec, WIDTH, REGISTRY).double(), gsa)


def test_decays_are_on_slots_and_not_on_key_channels() -> None:
    """A slot that never forgets holds nothing; one that forgets all holds the last token alone."""
    torch.manual_seed(0)
    mixer = seqzoo.build_mixer({"type": "gsa", "heads": 1, "slots": 2}, WIDTH, REGISTRY).double()
    with torch.no_grad():
        mixer.get_parameter("forget.weight").copy_(torch.tensor([[1e4], [-1e4]]).expand(2, WIDTH))
    x = torch.rand(1, 7, WIDTH, dtype=torch.float64)
    _, state = mixer(x)
    written = F.silu(x[0, -1] @ mixer.get_parameter("value.project.weight").T)
    held = state["values_of_slots.state"][0, 0]  # (V, M)
    torch.testing.assert_close(held[:, 0], torch.zeros(WIDTH, dtype=torch.float64))
    torch.testing.assert_close(held[:, 1], written)


@pytest.mark.parametrize(
    ("readout", "why"),
    [("normalised", "divides by a sum of weights"), ("joint_reads", "joins several reads")],
)
def test_readouts_of_other_reads_are_refused(readout: str, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        seqzoo.build_mixer({"type": "gsa", "readout": readout}, WIDTH, REGISTRY)


def test_uneven_key_heads_are_refused() -> None:
    with pytest.raises(SpecError, match="4 heads are not a multiple of 3 key heads"):
        seqzoo.build_mixer({"type": "gsa", "heads": 4, "key_heads": 3}, WIDTH, REGISTRY)
