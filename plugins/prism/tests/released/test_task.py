"""What all released tasks share: sizes, streams, refusals, and what `seqzoo tasks show` says."""

import pytest
import torch
from pydantic import ValidationError

import seqzoo
from seqzoo.cli import main
from seqzoo.tasks import IGNORED
from seqzoo_prism.released import RELEASED_TASKS, ReleasedTask
from seqzoo_prism.released.task import ReleasedSpec

EACH = pytest.mark.parametrize("part", RELEASED_TASKS, ids=lambda part: part.name)


def spec_of(part: type[ReleasedTask], **sizes: int) -> ReleasedSpec:
    spec = part.Spec(**sizes)
    assert isinstance(spec, ReleasedSpec)
    return spec


MEMORY = {"released_mqar", "released_poly_recall", "released_variable_tracking"}


def test_all_nine_are_registered_beside_those_of_the_papers_text() -> None:
    names = seqzoo.load_registry().names("task")
    assert {part.name for part in RELEASED_TASKS} <= set(names)
    assert {"palindrome", "mqar-probing"} <= set(names)
    assert len(RELEASED_TASKS) == 9


@EACH
def test_default_sizes_are_those_of_table_4(part: type[ReleasedTask]) -> None:
    spec = spec_of(part)
    assert spec.length == (64 if part.name in MEMORY else 128)
    assert (spec.vocab_size, spec.test_size) == (32, 8000)


def test_chance_is_a_guess_among_the_answers_that_a_reader_would_consider() -> None:
    """Half of two bits or of two channels, a third of three values, 1/16 of a sum modulo 16."""
    chances = {part.name: part.metric.chance for part in RELEASED_TASKS}
    other = {name: chance for name, chance in chances.items() if chance != 0.5}
    assert other == {"released_variable_tracking": 1 / 3, "released_modulo_add": 1 / 16}


@EACH
def test_the_smallest_sizes_work_and_smaller_ones_are_refused(part: type[ReleasedTask]) -> None:
    spec = spec_of(part)
    length, vocabulary = spec.least_length, spec.least_vocabulary
    task = spec_of(part, length=length, vocab_size=vocabulary).build()
    batch = task.train_batch(200, 0, 0)
    assert batch.tokens.shape == (200, length)
    assert 0 <= int(batch.tokens.min()) <= int(batch.tokens.max()) < vocabulary
    with pytest.raises(ValidationError, match=f"{part.name} needs a length of at least {length}"):
        spec_of(part, length=length - 1)
    with pytest.raises(ValidationError, match=f"a vocabulary of at least {vocabulary}, got"):
        spec_of(part, vocab_size=vocabulary - 1)


@EACH
def test_a_batch_is_a_function_of_seed_and_step(part: type[ReleasedTask]) -> None:
    torch.manual_seed(1)
    first = spec_of(part).build().train_batch(8, seed=3, step=5)
    torch.manual_seed(2)
    task = spec_of(part).build()
    task.train_batch(8, seed=3, step=4)
    again = task.train_batch(8, seed=3, step=5)
    assert torch.equal(first.tokens, again.tokens)
    assert torch.equal(first.labels, again.labels)
    for seed, step in ((4, 5), (3, 6)):
        assert not torch.equal(first.tokens, task.train_batch(8, seed, step).tokens)


@EACH
def test_the_test_set_is_one_of_its_own(part: type[ReleasedTask]) -> None:
    task = spec_of(part, test_size=500).build()
    tokens = torch.cat([batch.tokens for batch in task.test_batches(300)])
    again = spec_of(part, test_size=500).build()
    labels = torch.cat([batch.labels for batch in again.test_batches(7)])
    assert len(tokens) == len(labels) == 500
    assert (labels[:, :-1] == IGNORED).all()
    rows = {tuple(row) for row in tokens.tolist()}
    for step in range(20):
        trained = task.train_batch(64, 0, step).tokens.tolist()
        assert not rows & {tuple(row) for row in trained}


@EACH
def test_show_tells_ceiling_and_published(part: type[ReleasedTask], capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["tasks", "show", part.name]) == 0
    printed = capsys.readouterr().out
    assert f"right {part.ceiling:.2f} of the time: {part.rule}" in printed
    assert f"PRISM {part.published.prism:.2f}\n" in printed
