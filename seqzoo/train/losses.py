"""The training loss: cross entropy over the whole vocabulary or over a sample of it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from seqzoo.model import LanguageModel
from seqzoo.tasks import Negatives

__all__ = ["summed_loss"]


def summed_loss(
    model: LanguageModel, hidden: Tensor, targets: Tensor, negatives: Negatives | None
) -> Tensor:
    """The sum of the cross entropies at all labelled positions: scalar float32.

    With negatives it is the sampled softmax: the normaliser sum_v exp(z_v) is the label's own term
    plus an estimate of all others, a uniform sample of them scaled to their number. Logits of
    other tokens are never computed.

    Args:
        model: gives the logits.
        hidden: (N, D), at the labelled positions.
        targets: (N,) int64, the labels, on the same device.
        negatives: the sample; None means all of the vocabulary.
    """
    if negatives is None:
        return F.cross_entropy(model.logits(hidden).float(), targets, reduction="sum")
    sampled = negatives.tokens.to(hidden.device)
    own = model.logits_of(hidden, targets.unsqueeze(1)).float()
    others = model.logits_of(hidden, sampled).float() + math.log(negatives.stands_for)
    others = others.masked_fill(sampled == targets.unsqueeze(1), -math.inf)
    return (torch.cat((own, others), dim=1).logsumexp(1) - own.squeeze(1)).sum()
