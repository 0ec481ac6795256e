import torch

import seqzoo
from seqzoo.model import Decoder, LastToken
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.tasks import IGNORED
from seqzoo.tasks.compression import Compression

REGISTRY = seqzoo.load_registry([])


def test_every_token_before_the_mark_is_asked_for_where_it_stands() -> None:
    batch = Compression.Spec().build().train_batch(10_000, 0, 0)
    seen = set()
    for tokens, labels in zip(batch.tokens.tolist(), batch.labels.tolist(), strict=True):
        assert tokens[-1] == 0
        assert labels == [*tokens[:-1], IGNORED]
        assert len(tokens) == 32
        seen.update(tokens[:-1])
    assert seen == set(range(1, 16))


def test_tokens_are_uniform_and_independent_of_their_place() -> None:
    tokens = Compression.Spec(length=5).build().train_batch(30_000, 0, 0).tokens[:, :-1]
    for column in tokens.unbind(1):
        shares = torch.bincount(column, minlength=16)[1:] / len(tokens)
        assert (shares - 1 / 15).abs().max() < 0.006  # four standard deviations
    pairs = torch.bincount(tokens[:, 0] * 16 + tokens[:, 1], minlength=256).view(16, 16)[1:, 1:]
    assert (pairs / len(tokens) - 1 / 225).abs().max() < 0.0016


def test_every_answer_depends_on_tokens_after_it() -> None:
    task = Compression.Spec(length=6).build()
    spec = {"model": {"width": 16, "layers": 1, "mixer": "attention"}, "task": "compression"}
    torch.manual_seed(0)
    run = REGISTRY.validate(RunSpec, {**spec, "train": {"steps": 1}})
    model = seqzoo.build_model(run, REGISTRY).eval()
    tokens = task.train_batch(1, 0, 0).tokens
    changed = tokens.clone()
    changed[0, 4] = 1 + changed[0, 4] % 15
    with torch.no_grad():
        before, after = model(tokens)[0], model(changed)[0]
    assert ((before - after).abs().amax(-1) > 1e-6).all()


class FirstToken(LastToken):
    """Another decoder, of which seqzoo knows nothing."""

    name = "first_token"

    def sources(self, rows: int, length: int, device: torch.device) -> torch.Tensor:
        return torch.arange(rows, device=device) * length


def test_another_decoder_can_be_named() -> None:
    assert issubclass(FirstToken, Decoder)
    spec = Compression.Spec(decoder=FirstToken.Spec(ratio=1.0))
    chosen = Compression.decoder(spec)
    assert isinstance(chosen, PartSpec)
    assert chosen.build(8).sources(2, 5, torch.device("cpu")).tolist() == [0, 5]
