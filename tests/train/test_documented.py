"""docs/training.md names every key of `train:` with its default, and the torchrun command."""

from pathlib import Path
from typing import Any

import yaml

from seqzoo.spec.run import EmaSpec, RunSpec, StopSpec
from seqzoo.train.distributed import COMMAND

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    """Key -> default, as the table has them."""
    cells = [line.split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    return {each[1].strip(" `"): each[2].strip(" `") for each in cells if len(each) >= 5}


def test_every_key_is_documented_with_its_default(make_spec: Any) -> None:
    spec: RunSpec = make_spec({"ema": {}, "stop": {"target": 1.0}})
    keys = spec.resolved()["train"]
    names = {
        f"{key}.{inner}" if isinstance(value, dict) and "type" not in value else key
        for key, value in keys.items()
        for inner in (value if isinstance(value, dict) else [""])
    }
    table = documented()
    table = {key: value for key, value in table.items() if key in names}
    assert set(table) == names


def test_the_defaults_are_those_of_the_spec(registry: Any) -> None:
    document = {"model": {"width": 8, "layers": 1, "mixer": "attention"}, "task": "parity"}
    spec = registry.validate(RunSpec, {**document, "train": {"steps": 1}}).resolved()["train"]
    inner = {"stop": StopSpec(target=1.0), "ema": EmaSpec()}
    for path, text in documented().items():
        key, _, rest = path.partition(".")
        if key not in spec or key == "steps":
            continue
        value = spec[key]
        if rest == "target":
            value = None
        elif rest:
            value = getattr(inner[key], rest) if key in inner else value[rest]
        elif isinstance(value, dict):
            value = value["type"]
        elif key == "loggers":
            value = [each["type"] for each in value]
        assert yaml.safe_load(text) == value, path


def test_the_command_is_the_one_that_errors_name() -> None:
    assert COMMAND in PAGE
