import pytest

from seqzoo import load_registry
from seqzoo.errors import SpecError
from seqzoo.grid.run.chosen_executor import executor_spec


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.mark.parametrize(
    ("text", "workers", "found"),
    [
        ("local", None, {"type": "local", "workers": None, "gpus": None}),
        ("local", 3, {"type": "local", "workers": 3, "gpus": None}),
        ("{type: local, gpus: 0}", 2, {"type": "local", "workers": 2, "gpus": 0}),
        ("{type: local, workers: 2}", None, {"type": "local", "workers": 2, "gpus": None}),
    ],
)
def test_an_executor_is_a_name_or_a_mapping(text, workers, found, registry):
    assert executor_spec(text, workers, registry).model_dump() == found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{type: local, workers: 2, workers: 3}", "the key 'workers' is written twice"),
        ("{type: local, workers: 010}", "--executor:1:24 workers: 010 has a leading zero"),
        ("{type: local, workers: None}", "None"),
        ("{<<: {workers: 2}, type: local}", "merge keys"),
        ("{type: local, workers: 0}", "executor.workers: expected a whole number greater than 0"),
        ("{type: local, wokers: 2}", "did you mean 'workers'?"),
        ("{workers: 2}", "an executor is a name, or a mapping with a 'type'"),
        ("locale", "did you mean 'local'?"),
        ("[local]", "an executor is a name, or a mapping with a 'type'"),
        ("null", "an executor is a name, or a mapping with a 'type'"),
        ("3", "an executor is a name, or a mapping with a 'type'"),
        ("", "there is nothing in it"),
        ("{type: local", "--executor:1:"),
        ("nonsense: [", "--executor:1:"),
    ],
)
def test_whatever_is_wrong_is_told_with_its_place(text, told, registry):
    with pytest.raises(SpecError) as failure:
        executor_spec(text, None, registry)
    assert told in str(failure.value)
    assert "--executor" in str(failure.value)


def test_the_number_of_workers_is_said_once(registry):
    with pytest.raises(SpecError, match="write one of the two"):
        executor_spec("{type: local, workers: 2}", 3, registry)
