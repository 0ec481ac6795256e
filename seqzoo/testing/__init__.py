"""The conformance kit: what every mixer must hold, for the authors of plugins too.

@pytest.mark.parametrize("check", seqzoo.testing.MIXER_CHECKS)
def test_my_mixer(check):
    check(seqzoo.testing.mixer_case("my-mixer"))

@pytest.mark.parametrize("check", seqzoo.testing.MIXER_CHECKS)
def test_my_forget(check):
    check(seqzoo.testing.part_case("forget", "my_forget"))
"""

from seqzoo.testing.case import MixerCase as MixerCase
from seqzoo.testing.case import mixer_case as mixer_case
from seqzoo.testing.case import part_case as part_case
from seqzoo.testing.case import registered_cases as registered_cases
from seqzoo.testing.checks import MIXER_CHECKS as MIXER_CHECKS
from seqzoo.testing.checks import error_ratio as error_ratio
from seqzoo.testing.placing import NoPlaceError as NoPlaceError

__all__ = [
    "MIXER_CHECKS",
    "MixerCase",
    "NoPlaceError",
    "error_ratio",
    "mixer_case",
    "part_case",
    "registered_cases",
]
