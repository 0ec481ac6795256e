"""minGRU, written out."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from .functions import sigmoid
from .transcriptions import check_transcription


def positive(x: Tensor) -> Tensor:
    return torch.where(x >= 0, x + 0.5, sigmoid(x))


@pytest.mark.parametrize(
    ("spec", "act"),
    [
        ("mingru", positive),
        ({"type": "mingru", "expand": 2, "candidate": "identity"}, lambda x: x),
        ({"type": "mingru", "bias": False}, positive),
    ],
)
def test_it_is_the_published_layer(spec: object, act) -> None:
    def mingru(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
        """h = (1 - z) h + z act(W_h x), y = W_o h."""
        h, outputs = torch.zeros(w["update.weight"].shape[0], dtype=x.dtype), []
        for token in x:
            z = sigmoid(w["update.weight"] @ token + w.get("update.bias", 0))
            h = (1 - z) * h + z * act(w["candidate.weight"] @ token + w.get("candidate.bias", 0))
            outputs.append(w["project.weight"] @ h)
        return torch.stack(outputs)

    check_transcription(spec, mingru)
