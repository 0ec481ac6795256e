"""Whole files are told from cut, damaged and foreign ones."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqzoo.errors import RunError
from seqzoo.model import LanguageModel
from seqzoo.train import checkpoint, train
from seqzoo.train.progress import Progress
from seqzoo.train.seals import size_and_checksum

from .saving import CPU, saved


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "state.json"])
@pytest.mark.parametrize("kind", ["pickle", "torch.save"])
def test_a_pickle_in_a_files_place_is_refused_and_never_run(
    model: LanguageModel, tmp_path: Path, file: str, kind: str
) -> None:
    folder, optimizer = saved(tmp_path / "run", model)
    trap = tmp_path / "sprung"
    if kind == "pickle":
        (folder / file).write_bytes(pickle.dumps(Payload(trap)))
    else:
        torch.save(Payload(trap), folder / file)
    if file != "state.json":
        forge(folder, file)
    with pytest.raises(RunError, match=rf"{file} is damaged"):
        checkpoint.load(folder, model, optimizer, CPU)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Payload(trap)))  # it would have worked
    assert trap.exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [(cut, r"it has [\d,]+ bytes of"), (flip, "fit its checksum"), (Path.unlink, "cannot be read")],
)
def test_damaged_tensors_are_named_with_the_next_step(
    model: LanguageModel, tmp_path: Path, file: str, damage, says: str
) -> None:
    folder, optimizer = saved(tmp_path, model)
    damage(folder / file)
    with pytest.raises(RunError, match=rf"{file}.*{says}.*delete .*step-00000003 and run the same"):
        checkpoint.load(folder, model, optimizer, CPU)


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (-5, r"of tensor 'norm.weight' \([\d, ]+\) F32 it has [\d,]+ bytes of [\d,]+; delete"),
        (7, "not even its list of tensors is whole; delete"),
    ],
)
def test_the_first_tensor_that_was_cut_is_named(
    model: LanguageModel, tmp_path: Path, size: int, says: str
) -> None:
    folder, optimizer = saved(tmp_path, model)
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(RunError, match=says):
        checkpoint.load(folder, model, optimizer, CPU)


@pytest.mark.parametrize(
    ("content", "says"), [("{", "it is not JSON"), ('{"format": 9}', "format: "), (None, "be read")]
)
def test_damaged_progress_is_named(
    model: LanguageModel, tmp_path: Path, content: str | None, says: str
) -> None:
    folder, optimizer = saved(tmp_path, model)
    state = folder / "state.json"
    state.unlink() if content is None else state.write_text(content)
    with pytest.raises(RunError, match=rf"state.json.*{says}"):
        checkpoint.load(folder, model, optimizer, CPU)


def rewrite(folder: Path, file: str, change) -> None:
    """Change a file's tensors so that sizes and checksums fit all the same."""
    tensors = load_file(folder / file)
    change(tensors)
    save_file(tensors, folder / file)
    forge(folder, file)


def forge(folder: Path, file: str) -> None:
    """Make state.json say that a file is as it was saved."""
    state = json.loads((folder / "state.json").read_text())
    state["files"][file] = size_and_checksum(folder / file)
    (folder / "state.json").write_text(json.dumps(state))


def test_another_models_tensors_are_named_with_both_shapes(
    model: LanguageModel, tmp_path: Path
) -> None:
    folder, optimizer = saved(tmp_path, model)
    good = tmp_path / "good"
    shutil.copytree(folder, good)
    name = "embedding.weight"
    cases = [
        ("model.safetensors", lambda t: t.update({name: torch.zeros(9, 8)}), "there and"),
        ("model.safetensors", lambda t: t.update({name: t[name].half()}), "float16 there and"),
        ("model.safetensors", lambda t: t.pop(name), rf"lacks tensor '{name}' \(7, 8\) float32"),
        ("model.safetensors", lambda t: t.update(x=torch.ones(2)), r"no tensor 'x' \(2,\)"),
        (
            "training.safetensors",
            lambda t: t.update({f"optimizer/exp_avg/{name}": torch.zeros(2, 2)}),
            r"\(2, 2\) float32 there and \(7, 8\) float32 here",
        ),
        ("training.safetensors", lambda t: t.update({"optimizer/m/y": torch.ones(2)}), "m/y'"),
        ("training.safetensors", lambda t: t.pop("generator/cpu"), "no generator/cpu"),
    ]
    for file, change, says in cases:
        shutil.rmtree(folder)
        shutil.copytree(good, folder)
        rewrite(folder, file, change)
        with pytest.raises(RunError, match=rf"{file} is .*{says}"):
            checkpoint.load(folder, model, optimizer, CPU)


def test_a_run_with_a_damaged_checkpoint_stops_before_it_trains(make_spec, tmp_path: Path) -> None:
    train(make_spec(), tmp_path)
    (tmp_path / "record.json").unlink()
    cut(tmp_path / "checkpoint" / "step-00000012" / "model.safetensors")
    with pytest.raises(RunError, match=r"model.safetensors is damaged"):
        train(make_spec(), tmp_path)


class Views(torch.nn.Module):
    """A parameter, and buffers that lie in its memory."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.nn.Parameter(torch.arange(12.0).view(3, 4))
        self.register_buffer("rows", self.matrix.data[:2])
        self.register_buffer("turned", self.matrix.data.T)
        self.register_buffer("one", self.matrix.data[0, :1].expand(5))
        self.register_buffer("part", torch.arange(1000.0)[:3])
        self.same = self.matrix


def test_views_into_one_memory_are_saved_each_by_itself(tmp_path: Path) -> None:
    model = Views()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    folder = checkpoint.save(tmp_path, Progress(run_id="a", step=1), model, optimizer, CPU)
    found = load_file(folder / "model.safetensors")
    assert set(found) == {"matrix", "rows", "turned", "one", "part"}
    for name, tensor in found.items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert (
        folder / "model.safetensors"
    ).stat().st_size < 1500  # of `part`, not all that it is cut of
