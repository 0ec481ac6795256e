"""`seqzoo schema run|grid`: JSON Schema for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from seqzoo.escape import json_text
from seqzoo.registry import load_registry
from seqzoo.spec.schema import grid_schema, run_schema

__all__ = ["command"]


class Kind(StrEnum):
    """Documents that have a schema."""

    run = "run"
    grid = "grid"


def command(kind: Annotated[Kind, typer.Argument(help="The document the schema is of.")]) -> None:
    """Print the JSON Schema of run or grid files, covering all installed parts.

    An editor that speaks yaml-language-server completes and checks a file whose first line is
    `# yaml-language-server: $schema=run.schema.json`.
    """
    registry = load_registry()
    schema = run_schema(registry) if kind is Kind.run else grid_schema(registry)
    print(json_text(schema))
