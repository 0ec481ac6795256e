"""Everything registered passes the kit; what the kit cannot try is reported."""

import random
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

import pytest

import seqzoo
from seqzoo.registry import Origin, Registry
from seqzoo.spec import Part, PartSpec
from seqzoo.testing import FAMILY_CHECKS, MixerCase, PartCase, alone, conformance

REGISTRY = seqzoo.load_registry()
EVERY = tuple(conformance(registry=REGISTRY))
SLOW = ("logger=mlflow-takes_a_run",)  # tests/train/loggers/test_mlflow.py does so, more closely
ALONE = [check for check in EVERY if isinstance(check.case, PartCase) and str(check) not in SLOW]


@pytest.mark.parametrize("check", ALONE, ids=str)
def test_every_part_that_no_mixer_holds_conforms(check: seqzoo.testing.Check) -> None:
    check()


def test_every_registered_name_has_checks() -> None:
    wanted = {(entry.family, entry.name) for entry in REGISTRY}
    labels = {str(check.case) for check in EVERY}
    missing = {
        (family, name)
        for family, name in wanted
        if name not in labels and f"{family}={name}" not in labels
    }
    assert not missing


def lines(folder: Path) -> Path:
    path = folder / "text.txt"
    draws = random.Random(0)
    path.write_text("".join(draws.choices("etaoin shrdlu\n", k=40_000)))
    return path


def histories(folder: Path) -> Path:
    path = folder / "interactions.csv"
    rows = (
        f"{user},{(user * 7 + step * step) % 50},{step}\n"
        for user in range(80)
        for step in range(12)
    )
    path.write_text("user,item,time\n" + "".join(rows))
    return path


@pytest.mark.parametrize("check", FAMILY_CHECKS["task"], ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["text", "recommendation"])
def test_tasks_that_read_files_conform(name: str, check, tmp_path: Path) -> None:
    settings = {
        "text": lambda: {"type": "text", "path": str(lines(tmp_path)), "length": 32},
        "recommendation": lambda: {
            "type": "recommendation",
            "path": str(histories(tmp_path)),
            "length": 8,
        },
    }[name]()
    check(alone("task", settings, REGISTRY))


class Odd(Part, family="oddity"):
    """A family that nobody knows."""

    def __init__(self, spec: PartSpec) -> None:
        self.spec = spec


class Oddest(Odd):
    """A part of it."""

    name = "oddest"


def own_checks() -> Iterator[seqzoo.testing.Check]:
    registry = Registry()
    registry.add(Oddest, Origin("odd", "test", "0"))
    return conformance("odd", registry)


def test_a_family_without_checks_is_reported_and_not_passed() -> None:
    *before, last = own_checks()
    for check in before:
        check()
    assert [str(check) for check in before] == [
        "oddity=oddest-spec_round_trips",
        "oddity=oddest-says_what_it_is",
    ]
    with pytest.raises(SkipTest, match="the kit knows no checks for family 'oddity'"):
        last()


def test_a_scan_that_needs_a_gpu_is_reported() -> None:
    (check,) = [
        check for check in EVERY if str(check.case) == "scan=triton" and "is_checked" in str(check)
    ]
    with pytest.raises(SkipTest, match="does not compute in float64 on a CPU"):
        check()


def test_parts_of_mixers_take_the_checks_of_mixers() -> None:
    found = {str(check.case) for check in EVERY if isinstance(check.case, MixerCase)}
    assert {"prism", "forget=gated_delta", "rule=delta", "norm=unit"} <= found
    only = {str(check.case) for check in conformance("prism", REGISTRY)}
    assert "prism" in only
    assert "forget=gated_delta" not in only
