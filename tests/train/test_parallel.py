import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from seqzoo.errors import RunError
from seqzoo.train import train
from seqzoo.train.metrics_log import read_rows


def compile_with(monkeypatch: pytest.MonkeyPatch, backend: object) -> None:
    """Have `torch.compile` use a backend that needs no C++ compiler."""
    torch._dynamo.reset()
    compiler: Any = torch.compile
    monkeypatch.setattr(torch, "compile", functools.partial(compiler, backend=backend))


def test_a_compiled_run_is_the_plain_one_up_to_rounding(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"steps": 3, "accumulate": 2, "evaluate": {"every": 3}}
    graphs: list[int] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> object:
        graphs.append(len(graph.graph.nodes))
        return graph

    compile_with(monkeypatch, backend)
    compiled = train(make_spec({**settings, "compile": True}), tmp_path / "compiled")
    assert max(graphs) > 10
    plain = train(make_spec(settings), tmp_path / "plain")
    assert compiled.metrics["loss"] == pytest.approx(plain.metrics["loss"], rel=1e-5)


def test_a_graph_with_its_backward_trains_a_recurrent_model(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixer = {"type": "recurrent", "anchor": "short_conv", "forget": "head_decay"}
    model = {"width": 16, "layers": 1, "mixer": mixer}
    settings = {"steps": 2, "log_every": 1, "evaluate": {"every": 2}}
    compile_with(monkeypatch, "aot_eager")
    compiled = train(make_spec({**settings, "compile": True}, model=model), tmp_path / "compiled")
    plain = train(make_spec(settings, model=model), tmp_path / "plain")
    assert compiled.metrics == pytest.approx(plain.metrics, rel=1e-6)
    losses = [
        [row["loss"] for row in read_rows(tmp_path / name / "metrics.jsonl")]
        for name in ("compiled", "plain")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_compiler_that_fails_is_told_of_with_the_key(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend(graph: object, inputs: object) -> object:
        raise ValueError("no compiler here")

    compile_with(monkeypatch, backend)
    with pytest.raises(RunError) as caught:
        train(make_spec({"compile": True}), tmp_path)
    assert str(caught.value).startswith("train.compile: torch.compile failed: ")
    assert "no compiler here; write compile: false" in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*script_method.* is deprecated")  # torch's own import
def test_a_missing_cpp_compiler_is_told_of_with_the_next_step(
    make_spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch._dynamo.reset()
    nowhere = config.patch({"cpp.cxx": ("nowhere-g++",)})  # monkeypatch would leave it hidden
    with nowhere, pytest.raises(RunError) as caught:
        train(make_spec({"compile": True}), tmp_path / "run")
    assert str(caught.value).startswith("train.compile: torch.compile failed: ")
    assert "No working C++ compiler found" in str(caught.value)
    assert str(caught.value).endswith(
        "install one such as g++, name it in the variable CXX, or write compile: false"
    )
    assert "TORCH" not in str(caught.value)
