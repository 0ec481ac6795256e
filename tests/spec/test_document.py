from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqzoo.errors import SpecError
from seqzoo.registry import Registry
from seqzoo.spec import PartSpec, SpecModel, slot
from seqzoo.spec.document import Document, parse_document, parse_setting, read_document


class Menu(SpecModel):
    dish: PartSpec = slot("dish")
    guests: int = 1


def problems(document: Document, catalog: Registry) -> list[str]:
    with pytest.raises(SpecError) as failure:
        document.validate(Menu, catalog)
    return [str(problem) for problem in failure.value.problems]


def test_a_good_document_is_a_frozen_model(kitchen: Registry) -> None:
    document = parse_document(
        "dish: {type: soup, litres: 2e0, range: [0, 1e-1]}\nguests: 1e1\n", "m"
    )
    menu = document.validate(Menu, kitchen)
    assert menu.guests == 10
    assert menu.dish.model_dump() == {
        "type": "soup",
        "spice": {"type": "salt", "grains": 7},
        "side": None,
        "litres": 2.0,
        "range": (0.0, 0.1),
    }


def test_traps_and_problems_are_told_together_in_order(kitchen: Registry) -> None:
    text = "dish:\n  type: soup\n  litres: -1\n  spice: {type: salt, grains: None}\n"
    text += "guest: 2\nguests: x\n"
    assert problems(parse_document(text, "m.yaml"), kitchen) == [
        "m.yaml:3:11 dish.litres: expected a number greater than 0, got -1 (int)",
        "m.yaml:4:31 dish.spice.grains: None is not YAML's word for nothing; write null",
        "m.yaml:5:1 guest: unknown key 'guest' in 'menu'; did you mean 'guests'?",
        "m.yaml:6:9 guests: expected a whole number, got 'x' (text)",
    ]


def test_nothing_is_said_of_a_part_whose_type_cannot_be_read(kitchen: Registry) -> None:
    assert problems(parse_document("dish: {type: None, litres: 3}", "m"), kitchen) == [
        "m:1:14 dish.type: None is not YAML's word for nothing; write null"
    ]


def test_problems_of_a_delta_point_at_the_delta(kitchen: Registry) -> None:
    base = parse_document("dish: soup\nguests: 2\n", "base.yaml")
    delta = parse_document("\n  {type: pepper, heat: hot, het: 3}", "delta.yaml")
    assert problems(base.with_delta("dish.spice", delta), kitchen) == [
        "delta.yaml:2:24 dish.spice.heat: expected a number, got 'hot' (text)",
        "delta.yaml:2:29 dish.spice.het: unknown key 'het' in spice 'pepper'; did you mean 'heat'?",
    ]
    assert base.data == {"dish": "soup", "guests": 2}


def test_a_trap_that_a_delta_replaces_is_gone(kitchen: Registry) -> None:
    base = parse_document("dish: soup\nguests: None\n", "base.yaml")
    assert base.with_delta("guests", 4).validate(Menu, kitchen).guests == 4


def test_settings_are_yaml_and_point_at_the_command_line(kitchen: Registry) -> None:
    base = parse_document("dish: soup\n", "base.yaml")
    good = base.with_settings(["dish.litres=1e-1", "dish.spice={type: pepper, heat: 3}"])
    assert good.validate(Menu, kitchen).dish.model_dump()["litres"] == 0.1
    bad = base.with_settings(
        ["dish.litres=None", "gests=3", "guests", "guests.x=1", "dish.spice=["]
    )
    assert problems(bad, kitchen) == [
        "--set dish.litres=None dish.litres: None is not YAML's word for nothing; write null",
        "--set dish.spice=[ dish.spice: the text ends inside a bracket; close it",
        "--set gests=3 gests: unknown key 'gests' in 'menu'; did you mean 'guests'?",
        "--set guests: no path=value; write --set train.steps=100",
        "--set guests.x=1 guests: expected a whole number, got a mapping",
    ]


def test_a_setting_keeps_what_follows_the_first_equals_sign() -> None:
    path, value = parse_setting("task.path=/data/a=b.txt")
    assert (path, value.data) == ("task.path", "/data/a=b.txt")


def test_a_part_without_a_catalog_says_what_to_do() -> None:
    with pytest.raises(SpecError, match="a dish is looked up in a registry, and none was given"):
        parse_document("dish: soup", "m").validate(Menu)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfguests: 3\r\ndish: soup\r\n")
    document = read_document(file)
    assert document.data == {"guests": 3, "dish": "soup"}
    assert str(document.marks.value(("dish",))) == f"{file}:2:7"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ab.yaml", "there is no such file; did you mean 'a.yaml'?"),
        ("nowhere/a.yaml", "there is no such file; nor is there a folder"),
        ("folder", "a folder, not a file; no YAML file is in"),
        ("utf16.txt", "utf16.txt:1:1: byte 0xff is not UTF-8 text; save the file as UTF-8"),
        ("latin.txt", "latin.txt:2:3: byte 0xe9 is not UTF-8 text; save the file as UTF-8"),
        ("empty.txt", "there is nothing in it"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "folder").mkdir()
    (tmp_path / "utf16.txt").write_bytes("a: 1".encode("utf-16"))
    (tmp_path / "latin.txt").write_bytes(b"a: 1\nb:\xe9")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(SpecError) as failure:
        read_document(tmp_path / name)
    assert message in str(failure.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task.path=data #1.txt", "data #1.txt"),
        ("task.path=#1.txt", "#1.txt"),
        ("task.path=C#.txt", "C#.txt"),
        ("task.path=10 #2", "10 #2"),
        ("task.path='a #1'", "a #1"),
        ('task.path={type: text, path: "a #1"}', {"type": "text", "path": "a #1"}),
    ],
)
def test_a_setting_from_the_shell_has_no_comments(setting, value):
    assert parse_setting(setting)[1].data == value


@pytest.mark.parametrize("text", ["&x y", " &x", "|", ">-", "|2 "])
def test_a_setting_that_yaml_would_take_away_is_refused(text: str) -> None:
    with pytest.raises(
        SpecError, match="is a sign of YAML; put text that begins with it in quotes"
    ):
        parse_setting(f"name={text}")
    assert parse_setting(f"name='{text}'")[1].data == text


@pytest.mark.parametrize("text", ["'a' #1", "{type: text} # now", "[1, 2] #"])
def test_a_comment_after_what_cannot_be_a_text_is_refused(text):
    with pytest.raises(SpecError, match=r"--set a=.* a: '#.*' would be a comment; put a text"):
        parse_setting(f"a={text}")


def test_a_key_written_twice_in_a_value_is_told_wherever_the_value_is_put():
    document = parse_document("train: {steps: 1}", "run.yaml")
    told = document.with_settings(["train={steps: 2, steps: 3}"]).traps
    assert [trap.problem.what for trap in told] == ["the key 'steps' is written twice"]
    inner = document.with_value(("base",), parse_document("{a: 1, a: 2}", "base.yaml"))
    assert len(inner.traps) == 1


def test_special_files_and_huge_ones_are_refused_without_reading(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with pytest.raises(SpecError, match=r"pipe\.yaml: a pipe, not a file; save the text to a"):
        read_document(pipe)
    with pytest.raises(SpecError, match="/dev/zero: a device, not a file"):
        read_document("/dev/zero")
    huge = tmp_path / "huge.yaml"
    huge.write_text("seed: [" + "12345678, " * 300_000 + "]")
    with pytest.raises(SpecError, match=r"huge\.yaml: larger than 256 KiB"):
        read_document(huge)


def test_a_hundred_problems_are_told_and_the_rest_counted(kitchen: Registry) -> None:
    text = "dish: soup\n" + "".join(f"key{index}: 1\n" for index in range(250))
    with pytest.raises(SpecError) as failure:
        parse_document(text, "m").validate(Menu, kitchen)
    lines = str(failure.value).splitlines()
    assert len(lines) == 101
    assert lines[99].startswith("m:101:1 key99: unknown key 'key99'")
    assert lines[100] == "and 150 more"
    assert len(failure.value.problems) == 250
