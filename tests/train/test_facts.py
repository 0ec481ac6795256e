import platform

import torch

from seqzoo.train.facts import describe_device, installed_versions


def test_versions_are_those_of_this_process() -> None:
    versions = installed_versions()
    assert versions.torch == torch.__version__
    assert versions.python == platform.python_version()
    assert versions.seqzoo
    assert list(versions.plugins) == sorted(versions.plugins)


def test_the_processor_has_a_name() -> None:
    facts = describe_device(torch.device("cpu"))
    assert facts.kind == "cpu"
    assert facts.name
    assert facts.threads == torch.get_num_threads()
