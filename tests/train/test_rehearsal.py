"""What one row before the first step tells."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqzoo.errors import RunError, SpecError
from seqzoo.model import generate
from seqzoo.model.mixer import Mixer
from seqzoo.operators import Features, Stream
from seqzoo.operators.forgets import DecayForget
from seqzoo.registry import Registry, load_registry
from seqzoo.registry.registry import Origin
from seqzoo.scan.used import Used
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train import read_record, train
from seqzoo.train.rehearsal import slower_than_expected


class Growing(DecayForget):
    """exp(0.5) > 1."""

    name = "growing"

    def log_decay(self, features: Features, stream: Stream) -> Tensor:
        return torch.full((*features.x.shape[:2], 1), 0.5) - features.x[..., :1].abs() * 1e-3


class Wrapped(Mixer):
    """A layer of another library: it sees whole sequences and carries nothing."""

    name = "wrapped"
    streams = False

    def __init__(self, spec: PartSpec, place: Any) -> None:
        super().__init__(spec, place)
        self.project = torch.nn.Linear(place.width, place.width)

    def mix(self, x: Tensor, stream: Stream) -> Tensor:
        assert x.shape[1], "it cannot run on no token"
        return self.project(x.cumsum(1))


@pytest.fixture
def registry() -> Registry:
    registry = load_registry(entry_points=[])
    for part in (Growing, Wrapped):
        registry.add(part, Origin("test", "test", "0"))
    return registry


def spec_of(registry: Registry, mixer: Any, **task: Any) -> RunSpec:
    document = {
        "model": {"width": 8, "layers": 1, "mixer": mixer},
        "task": task or {"type": "parity", "length": 8, "vocab_size": 8, "test_size": 16},
        "train": {"steps": 2, "batch_size": 4, "device": "cpu", "loggers": ["jsonl"]},
    }
    return registry.validate(RunSpec, document)


RECURRENT = {"type": "recurrent", "heads": 1, "injection": "rank_one", "readout": "linear"}


def test_a_forget_that_lets_the_state_grow_is_named(registry: Registry, tmp_path: Path) -> None:
    spec = spec_of(registry, {**RECURRENT, "forget": "growing"})
    with pytest.raises(
        RunError,
        match=r"forget 'growing' \(model.blocks.0.mixer.forget\) returns a log decay of \+0.5, and",
    ):
        train(spec, tmp_path)
    assert not list(tmp_path.glob("checkpoint/*"))


@pytest.mark.parametrize(("scan", "backend"), [("auto", "chunked"), ("reference", "reference")])
def test_the_record_says_which_backend_computed(
    registry: Registry, tmp_path: Path, scan: str, backend: str
) -> None:
    if torch.cuda.is_available():
        pytest.skip("auto is triton there")
    spec = spec_of(registry, {**RECURRENT, "forget": "head_decay", "scan": scan})
    train(spec, tmp_path)
    (found,) = read_record(tmp_path / "record.json").scan
    assert (found.operation, found.backend) == ("scan", backend)
    assert f"{backend}: used" in found.reasons[0]


def test_no_scan_no_facts(registry: Registry, tmp_path: Path) -> None:
    record = train(spec_of(registry, "attention"), tmp_path)
    assert record.scan == ()


def test_it_takes_no_random_number(registry: Registry, tmp_path: Path) -> None:
    torch.manual_seed(5)
    train(spec_of(registry, {**RECURRENT, "forget": "head_decay"}), tmp_path)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)


def test_a_slower_backend_than_expected_is_told_with_the_reason() -> None:
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    refused = Used("scan", "chunked", ("triton: not used, K is 7", "chunked: used, the first"))
    assert slower_than_expected((refused,), cuda) == (
        "scan: backend chunked computes and not triton: K is 7",
    )
    assert slower_than_expected((refused,), cpu) == ()
    slow = Used("scan", "reference", ("chunked: not used, float8", "reference: used, the first"))
    assert slower_than_expected((slow,), cpu) == (
        "scan: backend reference computes and not chunked: float8",
    )
    asked = Used("scan", "reference", ("reference: used, it was passed directly",))
    assert slower_than_expected((asked,), cuda) == ()


def test_a_mixer_without_a_state_has_none_in_its_record(registry: Registry, tmp_path: Path) -> None:
    record = train(spec_of(registry, "wrapped"), tmp_path)
    assert record.state_size is None
    assert read_record(tmp_path / "record.json").state_size is None


def test_its_text_is_drawn_from_all_that_came_before(registry: Registry) -> None:
    from seqzoo.model import build_model

    spec = spec_of(registry, "wrapped").model
    torch.manual_seed(0)
    model = build_model(spec, vocab_size=9).eval()
    prompts = [torch.tensor([1, 2, 3]), torch.tensor([4]), torch.tensor([5, 6, 7])]
    draws = [torch.Generator().manual_seed(seed) for seed in range(3)]
    drawn = torch.stack(list(generate(model, prompts, 6, draws=draws)))
    for number, prompt in enumerate(prompts):
        rows, generator = prompt.clone(), torch.Generator().manual_seed(number)
        for step in range(6):
            logits = model(rows[None])[0][0, -1:]
            alone = next(iter(generate(model, rows[None], 1, draws=[generator])))
            assert alone.item() == drawn[step, number].item()
            assert logits.shape == (1, 9)
            rows = torch.cat((rows, alone))


def test_a_test_set_read_in_streams_needs_a_state(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the quick brown fox " * 30)
    text = {"type": "text", "path": str(tmp_path / "a.txt"), "length": 7, "test_streams": 2}
    spec = spec_of(registry, "wrapped", **text)
    with pytest.raises(SpecError, match=r"task 'text' reads its test set with .*'wrapped' carries"):
        train(spec, tmp_path / "out")
