"""The pages of `seqzoo parts NAME` as Markdown, one file per family.

`python -m seqzoo.registry.pages FOLDER` writes them, with the parts of all installed plugins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from seqzoo.errors import counted
from seqzoo.escape import markdown
from seqzoo.registry.contract import Contract, contracts_of
from seqzoo.registry.explained import Explained, explain
from seqzoo.registry.registry import Registry
from seqzoo.spec.write import as_yaml

__all__ = ["INDEX", "pages"]

INDEX = "index.md"
NOTE = "Made from the registry by `python -m seqzoo.registry.pages docs/parts`."


def pages(registry: Registry) -> dict[str, str]:
    """File name -> text: a page for each family, and one that lists them."""
    families: dict[str, list[Explained]] = {}
    bases: dict[str, dict[str, Contract]] = {}
    for entry in registry:
        families.setdefault(entry.family, []).append(explain(entry, registry))
        if isinstance(entry.target, type):
            known = bases.setdefault(entry.family, {})
            known |= {each.name: each for each in contracts_of(entry.target)}
    named = {
        f"{family}.md": _page(family, parts, list(bases.get(family, {}).values()))
        for family, parts in families.items()
    }
    return {INDEX: _index(families), **named}


def _index(families: dict[str, list[Explained]]) -> str:
    lines = ["# Parts", "", "Everything that a spec can name, by family, as `seqzoo parts NAME`"]
    lines += [f"prints it. {NOTE}", "", "| family | | |", "|---|---:|---|"]
    for family, parts in families.items():
        names = ", ".join(f"`{part.name}`" for part in parts)
        lines.append(f"| [{family}]({family}.md) | {len(parts)} | {names} |")
    return "\n".join(lines) + "\n"


def _page(family: str, parts: list[Explained], bases: list[Contract]) -> str:
    lines = [
        f"# {family}",
        "",
        f"{counted(len(parts), 'part or preset', 'parts and presets')}. {NOTE}",
    ]
    for base in bases:
        lines += ["", f"## To write one: {base.name.rpartition('.')[2]}", "", *_contract(base)]
    for part in parts:
        lines += ["", f"## {part.name}", "", *_part(part)]
    return "\n".join(lines) + "\n"


def _contract(base: Contract) -> Iterator[str]:
    yield f"A class that derives from `{base.name}` is made by `{base.made}`."
    yield from ("", "```text", base.doc, "```", "", "| has | | meaning |", "|---|---|---|")
    for member in base.members:
        kind = "required" if member.required else "given"
        if member.default:
            kind = f"`{_cell(member.default)}`"
        yield f"| `{_cell(member.name)}` | {kind} | {markdown(member.doc)} |"


def _part(part: Explained) -> Iterator[str]:
    kind = f"Stands for `{as_yaml(part.spec)}`." if part.spec is not None else ""
    yield f"From {markdown(part.plugin)}. {kind}".strip()
    if part.doc:
        yield from ("", "```text", part.doc.replace("```", "'''"), "```")
    if not part.keys:
        return
    yield from ("", "| key | takes | default | meaning |", "|---|---|---|---|")
    for key in part.keys:
        default = "required" if key.default is None else f"`{_cell(key.default)}`"
        cells = (f"`{key.path}`", markdown(key.type), default, markdown(key.meaning))
        yield f"| {' | '.join(cells)} |"


def _cell(code: str) -> str:
    """Code inside a table's cell, where a bar would end the cell."""
    return code.replace("|", "\\|").replace("`", "'")


def main() -> None:
    """Write the pages into the given folder, and remove those of families that are gone."""
    import seqzoo

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = pages(seqzoo.load_registry())
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
