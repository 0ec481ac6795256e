"""Logger `tensorboard`, read back by TensorBoard itself."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from seqzoo.errors import SpecError
from seqzoo.train import Logger, train
from seqzoo.train.metrics_log import read_rows

SETTINGS = {"loggers": ["tensorboard", "jsonl"], "steps": 8}


def curves(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: step and value of every scalar, by name."""
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    module = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    read = module.EventAccumulator(str(directory / "tensorboard"))
    read.Reload()
    return {
        name: [(event.step, event.value) for event in read.Scalars(name)]
        for name in read.Tags()["scalars"]
    }


def written(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """The same from metrics.jsonl."""
    points: dict[str, list[tuple[int, float]]] = {}
    for row in read_rows(directory / "metrics.jsonl"):
        for name, value in row.items():
            if name not in ("kind", "step"):
                points.setdefault(f"{row['kind']}/{name}", []).append((row["step"], value))
    return points


def agree(directory: Path) -> None:
    shown, wanted = curves(directory), written(directory)
    assert set(shown) == set(wanted)
    for name, points in wanted.items():
        assert [step for step, _ in shown[name]] == [step for step, _ in points], name
        values = [value for _, value in points]
        assert [value for _, value in shown[name]] == pytest.approx(values, rel=1e-6), name


def test_the_curves_are_those_of_the_jsonl(make_spec, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    train(make_spec(SETTINGS), tmp_path)
    agree(tmp_path)
    assert [step for step, _ in curves(tmp_path)["evaluation/accuracy"]] == [4, 8]


class KilledError(Exception):
    pass


def test_a_run_that_goes_on_shows_every_step_once(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    spec = make_spec({**SETTINGS, "log_every": 1, "checkpoint": {"every": 4}})

    class Stop(Logger):
        name = "stop"

        def logged(self, row: dict[str, Any]) -> None:
            if row["step"] == 6:  # two rows are written that the last checkpoint knows nothing of
                raise KilledError

    with pytest.raises(KilledError):
        train(spec, tmp_path, watch=Stop(Stop.Spec()))
    assert [step for step, _ in curves(tmp_path)["train/loss"]] == [1, 2, 3, 4, 5, 6]
    train(spec, tmp_path)
    assert [step for step, _ in curves(tmp_path)["train/loss"]] == list(range(1, 9))
    agree(tmp_path)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2  # one directory, a file a session


def test_without_the_library_it_says_how_to_get_it(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(
        SpecError, match=r"needs TensorBoard; .*pip install 'seqzoo\[tensorboard\]'"
    ):
        train(make_spec(SETTINGS), tmp_path)
    assert not (tmp_path / "spec.yaml").exists()
