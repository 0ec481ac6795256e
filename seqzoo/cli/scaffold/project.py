"""Names of a new plugin, and its files from `templates/`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from seqzoo.errors import SpecError
from seqzoo.files import write_whole, writing
from seqzoo.registry import Registry

__all__ = ["Project", "write_project"]

ANOTHER = "choose another name"
OTHERWISE = "choose another folder"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

# template -> path in the project; {module} and {preset} stand for the plugin's own names
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "init.py": "{module}/__init__.py",
    "decay.py": "{module}/{decay}.py",
    "preset.yaml": "{module}/presets/{preset}.yaml",
    "test.py": "tests/test_{module}.py",
    "grid.yaml": "examples/{preset}.yaml",
}


@dataclass(frozen=True)
class Project:
    """The names inside a plugin called NAME.

    Attributes:
        name: the entry point, and the mixer preset: `my-layer`.
    """

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SpecError(
                f"{self.name!r} cannot be a plugin's name: use lower-case words of letters and "
                "digits joined by -, such as my-layer"
            )

    @property
    def distribution(self) -> str:
        """What pip installs: `seqzoo-my-layer`."""
        return f"seqzoo-{self.name}"

    @property
    def module(self) -> str:
        """What Python imports: `seqzoo_my_layer`."""
        return self.distribution.replace("-", "_")

    @property
    def decay(self) -> str:
        """The part, and the file that holds it: `my_layer_decay`."""
        return self.name.replace("-", "_") + "_decay"

    @property
    def class_name(self) -> str:
        """The part's class: `MyLayerDecay`."""
        return "".join(word.capitalize() for word in self.decay.split("_"))

    def refuse_taken_names(self, registry: Registry) -> None:
        """Refuse names that an installed plugin already uses.

        Raises:
            SpecError: a plugin has the name, or registers what this one would.
        """
        own = [("mixer", self.name), ("forget", self.decay)]
        for entry in registry:
            if entry.origin.plugin == self.name:
                raise SpecError(f"plugin '{self.name}' is installed ({entry.origin}); {ANOTHER}")
            if (entry.family, entry.name) in own:
                raise SpecError(f"{entry.origin} has {entry.family} '{entry.name}'; {ANOTHER}")

    def files(self) -> dict[str, str]:
        """Path in the project -> content."""
        environment = Environment(
            loader=PackageLoader("seqzoo.cli.scaffold"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )
        return {
            path.format(module=self.module, preset=self.name, decay=self.decay): (
                environment.get_template(f"{template}.jinja").render(
                    plugin=self, seqzoo_version=version("seqzoo")
                )
            )
            for template, path in FILES.items()
        }


def write_project(project: Project, folder: Path) -> list[Path]:
    """Write the files of a project into a new or empty folder; their paths.

    Raises:
        SpecError: the folder exists and is not empty.
        RunError: they cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SpecError(f"{folder} exists and is not an empty folder; name another with --out")
    written = []
    for name, content in project.files().items():
        path = folder / name
        with writing(path, OTHERWISE):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, OTHERWISE)
        written.append(path)
    return written
