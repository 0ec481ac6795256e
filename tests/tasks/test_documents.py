"""Text as documents: where they begin, and that none sees another."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

import seqzoo
from seqzoo.errors import SpecError
from seqzoo.model import build_model
from seqzoo.tasks import IGNORED, Batch
from seqzoo.tasks.text import Text
from seqzoo.train.evaluate import evaluate
from seqzoo.train.objective import Objective
from seqzoo.train.step import TrainingStep

REGISTRY = seqzoo.load_registry()


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    path = tmp_path / "stories.txt"
    path.write_text("".join(drawn.choices(["a", "b", "é", "\n", "\n\n"], k=2000)), encoding="utf-8")
    return path


def text(path: Path, **settings: Any) -> Text:
    return Text.Spec(path=str(path), **{"separator": "\n\n", "length": 9, **settings}).build()


def begins(known: list[int], separator: list[int], start: int, length: int) -> list[int]:
    """Places in the window at which a document begins, found token by token."""
    width = len(separator)
    return [
        place
        for place in range(length)
        if place == 0
        or (
            start + place >= width
            and known[start + place - width : start + place] == separator
            and start + place <= len(known)
        )
    ]


def bounds_by_row(batch: Batch) -> list[list[int]]:
    assert batch.cu_seqlens is not None
    rows, length = batch.tokens.shape
    assert batch.cu_seqlens[-1] == rows * length
    places = batch.cu_seqlens[:-1].tolist()
    return [[p % length for p in places if p // length == row] for row in range(rows)]


@pytest.mark.parametrize("unit", ["byte", "char"])
@pytest.mark.parametrize("separator", ["\n", "\n\n", "aéb"])
def test_a_document_begins_after_every_separator(stories: Path, unit: str, separator: str) -> None:
    task = text(stories, unit=unit, separator=separator)
    content = stories.read_text(encoding="utf-8")
    known, ids = task.encode(content), task.encode(separator)
    size = len(content.encode())
    kept = content.encode()[: size - size // 10].decode(errors="ignore")  # of a cut character, none
    place = len(task.encode(kept))
    for batch in task.test_batches(4):
        for found, labels in zip(bounds_by_row(batch), batch.labels.tolist(), strict=True):
            assert found == begins(known, ids, place - 1, 9)
            place += sum(label != IGNORED for label in labels)
    assert place == len(known), "every token of the part is scored once"
    batch = task.train_batch(64, seed=0, step=0)
    windows = zip(bounds_by_row(batch), batch.tokens.tolist(), strict=True)
    for found, tokens in windows:
        starts = [s for s in range(len(known)) if known[s : s + 9] == tokens]
        assert found in [begins(known, ids, start, 9) for start in starts]


def test_a_tokenizers_separator_is_one_token(stories: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    words = Tokenizer(models.WordLevel({"?": 0, "<|end|>": 1, "a": 2, "b": 3}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    file = tmp_path / "tokenizer.json"
    words.save(str(file))
    stories.write_text("a b <|end|> b b a <|end|> " * 20)
    settings = {"unit": "token", "tokenizer": str(file), "length": 5}
    task = text(stories, separator="<|end|>", **settings)
    for batch in task.test_batches(2):
        for found, tokens in zip(bounds_by_row(batch), batch.tokens.tolist(), strict=True):
            assert found == [0, *(place for place in range(1, 5) if tokens[place - 1] == 1)]
    with pytest.raises(SpecError, match="'a b' of task 'text' is 2 tokens"):
        text(stories, separator="a b", **settings)


def test_separators_that_cannot_be_used(stories: Path) -> None:
    with pytest.raises(SpecError, match=r"'THE END' of task 'text' is nowhere in .*stories\.txt"):
        text(stories, separator="THE END")
    with pytest.raises(SpecError, match="'x' of task 'text' is nowhere"):
        text(stories, separator="x", unit="char")
    with pytest.raises(ValueError, match="leave out one of the two"):
        text(stories, test_streams=2)


@pytest.mark.parametrize("mixer", ["prism", "attention", "gated_deltanet"])
def test_evaluation_and_training_keep_documents_apart(stories: Path, mixer: str) -> None:
    task = text(stories, length=24)
    spec = {"width": 32, "layers": 2, "mixer": mixer, "mlp": {"type": "mlp"}}
    torch.manual_seed(0)
    model = build_model(spec, REGISTRY, vocab_size=256).double()
    nats, count = 0.0, 0
    for batch in task.test_batches(3):
        bounds = batch.cu_seqlens
        assert bounds is not None
        for begin, end in pairwise(bounds.tolist()):
            alone, _ = model(batch.tokens.flatten()[begin:end].unsqueeze(0))
            labels = batch.labels.flatten()[begin:end]
            loss = torch.nn.functional.cross_entropy(alone[0], labels, reduction="sum")
            nats, count = nats + float(loss.detach()), count + int((labels != IGNORED).sum())
    measured = evaluate(Objective(model), task, batch_size=5)["loss"]
    assert measured == pytest.approx(nats / count, rel=1e-5)

    batch = task.train_batch(6, seed=0, step=0)
    hidden, state = model.hidden(batch.tokens, cu_seqlens=batch.cu_seqlens)
    assert hidden.shape == (6, 24, 32)
    assert state == ((), ())
    losses = []
    for parts in (1, 3):  # micro-batches take their documents with them
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        step = TrainingStep(
            Objective(model),
            optimizer,
            REGISTRY.spec("schedule", "constant").build(1),
            accumulate=parts,
        )
        losses.append(step(batch, 0))
    torch.testing.assert_close(losses[0], losses[1])
    with pytest.raises(ValueError, match="not both"):
        model.hidden(batch.tokens, model.initial_state(6), cu_seqlens=batch.cu_seqlens)
