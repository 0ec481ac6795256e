import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from safetensors import SafetensorError

from seqzoo.errors import RunError
from seqzoo.files import NotRegularError, open_regular, write_output, write_whole, writing


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
    with pytest.raises(RunError, match="cannot write x: strange; fix that"), writing(Path("x")):
        raise SafetensorError("strange")


def test_an_output_replaces_a_regular_file_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_output(path, "one")
    path.chmod(0o600)
    write_output(path, b"two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_output_goes_through_a_symlink(tmp_path: Path) -> None:
    target, link, dangling = (tmp_path / name for name in ("a.txt", "link", "dangling"))
    target.write_text("old")
    link.symlink_to(target)
    write_output(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    dangling.symlink_to(tmp_path / "b.txt")
    write_output(dangling, "made")
    assert dangling.is_symlink()
    assert (tmp_path / "b.txt").read_text() == "made"


def test_an_output_is_written_into_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write_output(path, "through")
    reader.join()
    assert read == ["through"]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    before = Path("/dev/null").stat()
    write_output(Path("/dev/null"), "nothing")
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    write_output(link, "nothing")
    after = Path("/dev/null").stat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_rdev) == (before.st_ino, before.st_rdev)
    assert link.is_symlink()
    if Path("/dev/full").exists():
        with pytest.raises(RunError, match="cannot write /dev/full: No space left on device"):
            write_output(Path("/dev/full"), "nothing")


def test_an_output_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*: Is a directory") as refusal:
        write_output(tmp_path, "x")
    assert str(refusal.value).endswith("; fix that or choose another file")
    assert not [*tmp_path.iterdir()]


def test_a_command_that_prints_a_file_speaks_of_no_run_to_resume(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "table.csv"
    with pytest.raises(RunError, match="No such file or directory; fix that or choose another"):
        write_output(missing, "x")
    with pytest.raises(RunError, match=r"choose another folder.* the same command resumes"):
        write_whole(missing, "x")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the system has no sockets in folders")
def test_a_socket_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind("socket")
        with pytest.raises(NotRegularError) as caught:
            open_regular(Path("socket"))
    assert caught.value.kind == "a socket"


@pytest.mark.skipif(os.name == "nt", reason="no such paths there")
def test_a_stream_that_a_shell_appends_to_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    other = log.stat().st_ino
    script = (
        "from pathlib import Path; from seqzoo.files import write_output; print('printed');"
        "write_output(Path('/dev/stdout'), 'a\\n'); write_output(Path('/dev/fd/1'), 'b\\n')"
    )
    with log.open("a") as file:
        subprocess.run([sys.executable, "-c", script], stdout=file, check=True)
    assert log.read_text() == "before\nprinted\na\nb\n"
    assert log.stat().st_ino == other
    with pytest.raises(RunError, match="cannot write /dev/fd/987: Bad file descriptor"):
        write_output(Path("/dev/fd/987"), "x")
