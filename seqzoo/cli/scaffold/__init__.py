"""A new plugin's first files: a part, a preset, a grid and tests, ready to install."""

from seqzoo.cli.scaffold.project import Project as Project
from seqzoo.cli.scaffold.project import write_project as write_project

__all__ = ["Project", "write_project"]
