"""The code and the specs shown in README.md and docs/ run."""

import re
from pathlib import Path

import pytest
import torch
import yaml

import seqzoo
import seqzoo.testing
from seqzoo.cli import main
from seqzoo.grid.plan.expansion import expand

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REGISTRY = seqzoo.load_registry()
SIGNATURE = "state=None, *"  # a block that shows a signature is no code


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for match in re.finditer(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL):
            line = page.read_text()[: match.start()].count("\n") + 1
            found.append((f"{page.name}:{line}", match[1]))
    return found


@pytest.mark.parametrize(("where", "code"), blocks("python"), ids=lambda value: value[:40])
def test_python_runs(where: str, code: str) -> None:
    if SIGNATURE in code:
        return
    torch.manual_seed(0)
    namespace = {"pytest": pytest, "seqzoo": seqzoo, "__name__": "shown"}
    exec(compile(code, where, "exec", flags=0, dont_inherit=True), namespace)


@pytest.mark.parametrize(("where", "text"), blocks("yaml"), ids=lambda value: value[:40])
def test_yaml_is_valid(where: str, text: str, tmp_path: Path) -> None:
    if text.lstrip().startswith("mixer:"):
        for line in re.split(r"\n(?=mixer:|layers:)", text.strip()):
            key, value = next(iter(yaml.safe_load(line).items()))
            if key == "mixer":
                REGISTRY.spec("mixer", value)
        return
    if text.startswith("doc:"):
        assert set(yaml.safe_load(text)) == {"doc", "options", "spec"}, where
        return
    if text.startswith("name: mine\n"):  # shown for its faults, which the test below reads
        return
    if "base: prism-xor.yaml" in text:
        run = next(block for _, block in blocks("yaml") if block.startswith("name: prism-xor"))
        (tmp_path / "prism-xor.yaml").write_text(run)
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    spec = seqzoo.load_spec(file, REGISTRY)
    if isinstance(spec, seqzoo.GridSpec):
        assert expand(spec, REGISTRY)


@pytest.mark.parametrize(
    "example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda p: p.stem
)
def test_examples_are_valid(example: Path) -> None:
    spec = seqzoo.load_spec(example, REGISTRY)
    runs = [run.spec for run in expand(spec, REGISTRY)] if isinstance(spec, seqzoo.GridSpec) else []
    models = {}  # each once: seeds and ways to train build the same
    for run in runs or [spec]:
        assert isinstance(run, seqzoo.RunSpec)
        models[run.model, run.task] = run
    for run in models.values():
        if run.task.part.name not in ("text", "recommendation"):  # their vocabulary is in a file
            seqzoo.build_model(run, REGISTRY)


def test_the_readme_shows_the_grid_that_its_table_is_of(tmp_path: Path) -> None:
    (text,) = (text for _, text in blocks("yaml") if "prism-constant-gain" in text)
    shown = tmp_path / "shown.yaml"
    shown.write_text(text)
    grids = [
        seqzoo.load_spec(file, REGISTRY) for file in (shown, ROOT / "examples/quickstart.yaml")
    ]
    runs = []
    for grid in grids:
        assert isinstance(grid, seqzoo.GridSpec)
        runs.append([(run.variant, run.spec.run_id) for run in expand(grid, REGISTRY)])
    assert runs[0] == runs[1]


def test_the_readme_shows_what_check_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = next(text for _, text in blocks("yaml") if text.startswith("name: mine\n"))
    shown = next(text for _, text in blocks("text") if text.startswith("$ seqzoo check mine.yaml"))
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(faulty)
    assert main(["check", "mine.yaml"]) == 2
    assert capsys.readouterr().err == shown.split("\n", 1)[1]


def test_the_index_lists_every_page() -> None:
    listed = re.findall(
        r"^- \[([\w.]+)\]\(\1\)", (ROOT / "docs/index.md").read_text(), re.MULTILINE
    )
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert set(listed) == pages
    assert len(listed) == len(pages)


def test_the_layer_of_the_plugin_page_is_a_plugin_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (layer,) = (code for where, code in blocks("python") if code.startswith("# my_layer.py"))
    (tmp_path / "my_layer.py").write_text(layer)
    assert main(["parts", "anchor/scaled", "--plugin", str(tmp_path / "my_layer.py")]) == 0
    assert "u_t = s x_t." in capsys.readouterr().out
