import os
import tracemalloc
from pathlib import Path

import pytest

from seqzoo.errors import SpecError
from seqzoo.tasks import interactions
from seqzoo.tasks.inputs import fingerprint_of
from seqzoo.tasks.interactions import read_events


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1 10\n1 11\n0 12\n1 10\n",
        "1\t10\n1\t11\n0\t12\n1\t10",
        "1,10\r\n1,11\r\n\r\n0,12\r\n1,10\r\n",
        "user item\n1   10\n1 11 \n0 12\n1 10\n",
        "\ufeffuser_id,item_id\n1, 10\n1, 11\n0, 12\n1, 10\n",
    ],
)
def test_separators_headings_and_blank_lines(tmp_path: Path, text: str) -> None:
    events = read_events(write(tmp_path / "a.txt", text))
    assert events.users.tolist() == [0, 1, 1, 1]
    assert events.items.tolist() == [12, 10, 11, 10]
    assert events.reordered == 0


def test_timestamps_put_each_user_in_order_and_keep_ties(tmp_path: Path) -> None:
    text = "u i t\n1 10 5\n2 20 1\n1 11 3.5\n1 12 5\n2 21 1e3\n1 13 4\n"
    events = read_events(write(tmp_path / "a.txt", text))
    assert events.users.tolist() == [1, 1, 1, 1, 2, 2]
    assert events.items.tolist() == [11, 13, 10, 12, 20, 21]
    assert events.reordered == 2  # 11 after 10, 13 after 12


@pytest.mark.parametrize(
    "times",
    [
        [1_700_000_000_000_000_000 + step for step in (4, 3, 2, 1, 0)],  # nanoseconds
        [1_541_815_603_606_036_480 + step for step in (4, 3, 2, 1, 0)],  # snowflake ids
        [-(2**62) - step for step in range(5)],
        [f"1700000000000000000.{step}" for step in (5, 4, 3, 2, 1)],
        ["1700000000.4", "1700000000.3", "17000000002e-1", "1700000000.1", "1.7e9"],
        [f"0.1{'0' * 16}{step}" for step in (5, 4, 3, 2, 1)],  # one float64 all of them
        [f"1700000000.12345678901234567{step}" for step in (5, 4, 3, 2, 1)],
        ["-1.000000000000000001", "-1.000000000000000002", "-1.5", "-2", "-2.000000000000000001"],
        ["5", "4.999999999999999999", "49999999999999999e-16", "4.5e0", "+4"],
        ["9223372036854775807.999999999999999999", "9223372036854775807", "1e1", "1", "0.9"],
        [f"1{'0' * 3}.5{'0' * 2000}", "1000.4", "1e-18", "0.0", "-1e-18"],
    ],
)
def test_timestamps_are_compared_exactly(tmp_path: Path, times: list[object]) -> None:
    lines = [f"1 {item} {time}" for item, time in enumerate(times, 1)]
    events = read_events(write(tmp_path / "a.txt", "\n".join(lines)))
    assert events.items.tolist() == [5, 4, 3, 2, 1]
    assert events.reordered == 4


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\ufeff1 2\r\n3 4")
    assert read_events(path).fingerprint == fingerprint_of(path)


def test_large_ids_and_the_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "999999999999999999 7\n3 8\n")
    first = read_events(path)
    assert first.users.tolist() == [3, 999999999999999999]
    assert read_events(path).fingerprint == first.fingerprint
    assert read_events(write(path, "3 7\n3 8\n")).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n3\n", ":2: 1 of the 2 columns that the lines before have; complete the line"),
        ("1 2\n3 4 5\n", ":2: 3 of the 2 columns"),
        ("1\n2\n", ":1: 1 column, expected 'user item' or 'user item timestamp'"),
        ("1 2 3 4\n", ":1: 4 columns, expected"),
        ("1 2\n\n3 -4\n", ":3: the item '-4' is negative; ids count from 0"),
        ("-1,2\n", ":1: the user '-1' is negative"),
        ("1 2\nb07 3\n", ":2: the user 'b07' is not an id; ids are whole numbers"),
        ("1,2\n1,\n", ":2: the item is missing; expected 'user item'"),
        ("1 2.5\n", ":1: the item '2.5' is not an id"),
        ("1 1_0\n", ":1: the item '1_0' is not an id"),
        ("1 2\n1 9999999999999999999\n", ":2: the item '9999999999999999999' is not an id"),
        ("1 2 noon\n", ":1: the timestamp 'noon' is not a number"),
        ("1 2 3\n1 2 nan\n", ":2: the timestamp 'nan' is not a number"),
        (
            "1 2 9223372036854775808\n",
            "'9223372036854775808' is not a time; whole numbers below 2^63",
        ),
        ("1 2 1_0\n", ":1: the timestamp '1_0' is not a number"),
        (
            "1 2 0.1\n1 3 0.1000000000000000001\n",
            ":2: the timestamp '0.1000000000000000001' has more than 18 digits after the point",
        ),
        ("1 2 -1e-99999999\n", ":1: the timestamp '-1e-99999999' has more than 18 digits"),
        ("1 2 1e999999999\n", ":1: the timestamp '1e999999999' is not a time"),
        (b"1 2\n\xff\xfe 3\n", ":2: the user '\\ufffd\\ufffd' is not an id"),
        ("", " has no events"),
        ("\n\n", " has no events"),
        (
            "user item\n",
            " has no events; expected one 'user item' or 'user item timestamp' per line",
        ),
    ],
)
def test_malformed_files_are_refused_at_their_line(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = write(tmp_path / "a.txt", text)
    with pytest.raises(SpecError) as caught:
        read_events(path)
    assert message in str(caught.value).removeprefix(str(path))


def test_a_file_without_lines_is_not_read_to_its_end(tmp_path: Path) -> None:
    # A hole of 2 GB: no bytes on the disk, and no newline.
    path = write(tmp_path / "a.txt", "1 2\n")
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    tracemalloc.start()
    with pytest.raises(SpecError, match=r"a.txt:2: a line of 4,096 bytes or more, which is no"):
        read_events(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert interactions.LONGEST_LINE == 4096


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match=r"no interaction file a.txt \(looked in .*--set task.path"):
        read_events(Path("a.txt"))
    with pytest.raises(SpecError, match="is a folder"):
        read_events(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="is a pipe; `path` of task 'recommendation' names one"):
        read_events(tmp_path / "pipe")
