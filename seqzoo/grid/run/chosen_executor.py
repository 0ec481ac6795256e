"""The executor chosen on the command line: `local`, or `{type: local, gpus: 2}`."""

from __future__ import annotations

from seqzoo.errors import SpecError
from seqzoo.spec import Catalog, PartSpec, SpecModel, slot
from seqzoo.spec.document import Document, parse_document

__all__ = ["executor_spec"]

NAME = "--executor"


class _Options(SpecModel):
    executor: PartSpec = slot("executor")


def executor_spec(text: str, workers: int | None, catalog: Catalog) -> PartSpec:
    """The executor's validated spec.

    Args:
        text: a name, or a mapping with a `type`, in YAML; read by the same rules as specs.
        workers: runs at a time, None if the command line does not set it.
        catalog: where names are looked up.

    Raises:
        SpecError: with every problem found, or if text and `workers` both set the number.
    """
    if not text.strip():
        raise SpecError(f"{NAME}: there is nothing in it; write a name, such as local")
    written = parse_document(text, NAME)
    if workers is not None:
        if isinstance(written.data, dict) and "workers" in written.data:
            raise SpecError(f"--workers {workers} and workers in {NAME}: write one of the two")
        written = written.with_value(("workers",), Document.of(workers, "--workers"))
    document = Document.of({}, NAME).with_value(("executor",), written)
    return document.validate(_Options, catalog).executor
