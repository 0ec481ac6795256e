"""The conformance kit: what every mixer must hold, for the authors of plugins too.

@pytest.mark.parametrize("check", seqzoo.testing.MIXER_CHECKS)
def test_my_mixer(check):
    check(seqzoo.testing.mixer_case("my-mixer"))
"""

from seqzoo.testing.case import MixerCase as MixerCase
from seqzoo.testing.case import mixer_case as mixer_case
from seqzoo.testing.case import registered_cases as registered_cases
from seqzoo.testing.checks import MIXER_CHECKS as MIXER_CHECKS
from seqzoo.testing.checks import error_ratio as error_ratio

__all__ = ["MIXER_CHECKS", "MixerCase", "error_ratio", "mixer_case", "registered_cases"]
