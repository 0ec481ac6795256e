import math

import pytest
import torch
import torch.nn.functional as F

from seqzoo.model import LanguageModel, build_model
from seqzoo.tasks import Negatives
from seqzoo.train.losses import summed_loss

VOCABULARY = 13


@pytest.fixture
def model(make_spec) -> LanguageModel:
    torch.manual_seed(0)
    return build_model(make_spec().model, vocab_size=VOCABULARY)


def features(model: LanguageModel, rows: int = 6) -> torch.Tensor:
    width = model.embedding.weight.shape[1]
    return 5 * torch.randn(rows, width, generator=torch.Generator().manual_seed(1))


def test_without_negatives_it_is_the_cross_entropy(model: LanguageModel) -> None:
    hidden, targets = features(model), torch.arange(6)
    expected = F.cross_entropy(model.logits(hidden), targets, reduction="sum")
    torch.testing.assert_close(summed_loss(model, hidden, targets, None), expected)


def test_with_every_token_as_a_negative_it_is_the_cross_entropy(model: LanguageModel) -> None:
    hidden, targets = features(model).requires_grad_(), torch.arange(6)
    negatives = Negatives(torch.randperm(VOCABULARY), stands_for=1.0)
    found = summed_loss(model, hidden, targets, negatives)
    expected = summed_loss(model, hidden, targets, None)
    torch.testing.assert_close(found, expected)
    for wanted in (hidden, model.head.weight):
        (one,) = torch.autograd.grad(found, wanted, retain_graph=True)
        (other,) = torch.autograd.grad(expected, wanted, retain_graph=True)
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_the_sum_over_the_sample_is_right_on_average(model: LanguageModel) -> None:
    hidden, targets = features(model, 1), torch.tensor([3])
    logits = model.logits(hidden)[0].double().detach()
    generator = torch.Generator().manual_seed(2)
    own = float(logits[3])
    totals = []
    with torch.no_grad():
        for _ in range(3000):
            sample = torch.randint(0, VOCABULARY, (4,), generator=generator)
            loss = summed_loss(model, hidden, targets, Negatives(sample, VOCABULARY / 4))
            totals.append(math.exp(float(loss) + own))  # the estimated normaliser
    mean = sum(totals) / len(totals)
    assert mean == pytest.approx(float(logits.exp().sum()), rel=0.05)
