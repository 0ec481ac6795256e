import errno
from pathlib import Path

import pytest
from safetensors import SafetensorError

from seqzoo.errors import RunError
from seqzoo.files import write_whole, writing


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, "one")
    write_whole(path, "zwei ü")
    assert path.read_text(encoding="utf-8") == "zwei ü"
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*a.json: .*choose another folder"):
        write_whole(tmp_path / "absent" / "a.json", "one")
    path = tmp_path / "folder.json"
    path.mkdir()
    with pytest.raises(RunError, match="cannot write"):
        write_whole(path, "one")
    assert [each.name for each in tmp_path.iterdir()] == ["folder.json"]


def test_what_safetensors_says_in_words_is_the_systems_error(tmp_path: Path) -> None:
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    no_room = pytest.raises(RunError, match="cannot write x: No space left on device; free")
    with no_room as caught, writing(Path("x")):
        raise SafetensorError(said)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    with pytest.raises(RunError, match="cannot write x: strange; mend that"), writing(Path("x")):
        raise SafetensorError("strange")
