"""A model's description: gathered as data, printed as text."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqzoo.cli.settings import settings_by_part
from seqzoo.errors import SpecError, counted
from seqzoo.escape import rich_text, visible
from seqzoo.grid.labels import value_label
from seqzoo.model import Budget, LanguageModel, budget, build_model
from seqzoo.model.duality import Duality, duality_of_all
from seqzoo.registry import Registry
from seqzoo.scan.used import watching
from seqzoo.spec import PartSpec
from seqzoo.spec.run import RunSpec
from seqzoo.train.groups import parameter_groups

__all__ = ["describe", "print_descriptions"]


def describe(name: str, spec: RunSpec, registry: Registry) -> dict[str, Any]:
    """Build the model and measure it at the task's length."""
    task = spec.task.build()
    model = build_model(spec, vocab_size=task.vocab_size)
    with watching() as used:
        costs: Budget = budget(model, task.length)
    streams = all(mixer.streams for mixer in model.mixers())
    return {
        "name": name,
        "task": spec.task.part.name,
        "width": spec.model.width,
        "blocks": len(model.blocks),
        "vocab_size": task.vocab_size,
        "context": costs.context,
        "parameters": costs.parameters,
        "mixer_parameters": costs.mixer_parameters,
        "state_elements": costs.state_elements if streams else None,
        "state_bytes": costs.state_bytes if streams else None,
        "state_grows": model.state_size(2 * costs.context) > costs.state_elements,
        "duality": _written(duality_of_all(mixer.duality() for mixer in model.mixers())),
        "scan": [each._asdict() for each in used],
        "flops_per_token": round(costs.flops_per_token),
        "groups": [
            {
                "parameters": group.size,
                "tensors": list(group.names),
                "weight_decay": group.decay,
                "lr": group.lr,
            }
            for group in parameter_groups(model)
        ],
        "layers": _layers(model, spec, registry),
    }


def _layers(model: LanguageModel, spec: RunSpec, registry: Registry) -> list[dict[str, Any]]:
    """Runs of equal blocks: first and last block, mixer, its preset, recurrence, settings."""
    presets = _presets(registry)
    groups: list[dict[str, Any]] = []
    previous = None
    blocks = zip(spec.model.blocks(), model.mixers(), strict=True)
    for index, (layer, mixer) in enumerate(blocks, start=1):
        if previous == layer:
            groups[-1]["last"] = index
            continue
        previous = layer
        groups.append(
            {
                "first": index,
                "last": index,
                "mixer": layer.mixer.part.name,
                "preset": presets.get(layer.mixer),
                "mlp": layer.mlp.part.name if layer.mlp else None,
                "duality": _written(mixer.duality()),
                "recurrence": [list(line) for line in mixer.recurrence()],
                "settings": settings_by_part(layer.mixer),
            }
        )
    return groups


def _presets(registry: Registry) -> dict[PartSpec, str]:
    """Map a mixer's spec to the preset that gives it unchanged."""
    names = [name for name in registry.names("mixer") if registry.preset("mixer", name)]
    specs: dict[PartSpec, str] = {}
    for name in names:
        with suppress(SpecError):  # a preset that is broken is no mixer's
            specs.setdefault(registry.spec("mixer", name), name)
    return specs


def _written(duality: Duality | None) -> str | None:
    return None if duality is None else str(duality)


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def print_descriptions(described: Sequence[dict[str, Any]]) -> None:
    """Print descriptions, folded to the terminal's width; layers as in the one above only there."""
    console = Console(highlight=False)
    for index, facts in enumerate(described):
        if index:
            console.print()
        _print_model(facts, console)
        if index and facts["layers"] == described[index - 1]["layers"]:
            console.print("blocks as above")
        else:
            _print_layers(facts["layers"], console)


def _print_model(facts: dict[str, Any], console: Console) -> None:
    growth = "grows with the context" if facts["state_grows"] else "whatever the context"
    size = f"{counted(facts['blocks'], 'block')} of width {facts['width']}"
    title = f": {size}, vocabulary {facts['vocab_size']} ({visible(facts['task'])})"
    console.print(rich_text(facts["name"], "bold") + Text(title))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(ratio=1)
    table.add_row(
        "parameters", f"{facts['parameters']:,}, of these {facts['mixer_parameters']:,} in mixers"
    )
    table.add_row(
        "state",
        "none: this model has a mixer that does not stream"
        if facts["state_elements"] is None
        else f"{facts['state_elements']:,} elements ({_bytes(facts['state_bytes'])}) a sequence at "
        f"context {facts['context']:,}, {growth}",
    )
    if facts["duality"]:
        table.add_row("class", facts["duality"])
    for group in facts["groups"]:
        decay = "decayed" if group["weight_decay"] else "not decayed"
        rate = "" if group["lr"] == 1 else f", {group['lr']:g} times the learning rate"
        tensors = counted(len(group["tensors"]), "tensor")
        table.add_row("optimizer", f"{group['parameters']:,} {decay}{rate}, in {tensors}")
    for used in facts["scan"]:
        table.add_row(used["operation"], f"backend {used['backend']}, on this machine's CPU")
    table.add_row(
        "forward", f"{facts['flops_per_token']:,} FLOPs a token at context {facts['context']:,}"
    )
    console.print(table)


def _print_layers(layers: Sequence[dict[str, Any]], console: Console) -> None:
    for group in layers:
        first, last = group["first"], group["last"]
        blocks = f"block {first}" if first == last else f"blocks {first} to {last}"
        mlp = f", then {group['mlp']}" if group["mlp"] else ""
        mixer = rich_text(group["mixer"], "bold")
        if group["preset"]:
            mixer = rich_text(group["preset"], "bold") + rich_text(f" ({group['mixer']})")
        console.print(Text(f"{blocks}: ") + mixer + rich_text(mlp))
        table = Table.grid(padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(ratio=1)
        if group["duality"]:
            table.add_row("class", group["duality"])
        for label, equation in group["recurrence"]:
            table.add_row(rich_text(label), rich_text(equation))
            if settings := group["settings"].get(label):
                told = (f"{path}={value_label(value)}" for path, value in settings.items())
                table.add_row("", rich_text(", ".join(told), "dim"))
        console.print(table)
