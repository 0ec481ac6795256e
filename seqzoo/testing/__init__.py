"""The conformance kit: checks that every part must pass, plugins' parts included.

@pytest.mark.parametrize("check", seqzoo.testing.conformance("my-plugin"), ids=str)
def test_everything_my_plugin_registers(check):
    check()

@pytest.mark.parametrize("check", seqzoo.testing.MIXER_CHECKS)
def test_my_forget(check):
    check(seqzoo.testing.part_case("forget", "my_forget"))

@pytest.mark.parametrize("check", seqzoo.testing.FAMILY_CHECKS["task"])
def test_my_task(check):
    check(seqzoo.testing.alone("task", {"type": "my_task", "length": 64}))
"""

from seqzoo.testing.case import MixerCase as MixerCase
from seqzoo.testing.case import mixer_case as mixer_case
from seqzoo.testing.case import part_case as part_case
from seqzoo.testing.checks import MIXER_CHECKS as MIXER_CHECKS
from seqzoo.testing.checks import error_ratio as error_ratio
from seqzoo.testing.conformance import Check as Check
from seqzoo.testing.conformance import conformance as conformance
from seqzoo.testing.families import FAMILY_CHECKS as FAMILY_CHECKS
from seqzoo.testing.families import PART_CHECKS as PART_CHECKS
from seqzoo.testing.part import PartCase as PartCase
from seqzoo.testing.part import alone as alone
from seqzoo.testing.placing import NoPlaceError as NoPlaceError

__all__ = [
    "FAMILY_CHECKS",
    "MIXER_CHECKS",
    "PART_CHECKS",
    "Check",
    "MixerCase",
    "NoPlaceError",
    "PartCase",
    "alone",
    "conformance",
    "error_ratio",
    "mixer_case",
    "part_case",
]
