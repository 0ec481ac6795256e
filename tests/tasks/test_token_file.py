import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from seqzoo.errors import SpecError
from seqzoo.tasks import IGNORED, text_file, token_file, tokenized
from seqzoo.tasks.text import Text

tokenizers: Any = pytest.importorskip("tokenizers")

STORY = "the quick añb€c😀 fox\njumps over the lazy dog\r\n" * 30


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A text, and a byte-level BPE trained on it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text, model = tmp_path / "story.txt", tmp_path / "tokenizer.json"
    text.write_bytes(STORY.encode())
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([STORY], trainer)
    tokenizer.save(str(model))
    return text, model


def task_on(files: tuple[Path, Path], length: int = 7) -> Text:
    text, model = files
    return Text.Spec(path=str(text), unit="token", tokenizer=str(model), length=length).build()


def scored(task: Text) -> list[int]:
    labels = [batch.labels[batch.labels != IGNORED].tolist() for batch in task.test_batches(3)]
    return [label for row in labels for label in row]


def test_tokens_are_the_tokenizers_own(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(files[1]))
    known = tokenizer.encode(STORY).ids
    task = task_on(files)
    assert task.vocab_size == tokenizer.get_vocab_size()
    count = len(scored(task))
    assert scored(task) == known[len(known) - count :]
    size = len(STORY.encode())
    held_out = len(tokenizer.decode(known[len(known) - count :]).encode())
    one_more = len(tokenizer.decode(known[len(known) - count - 1 :]).encode())
    assert held_out <= size // 10 < one_more
    assert task.decode(task.encode("the fox€")) == "the fox€"
    batch = task.train_batch(4, 0, 0)
    assert batch.tokens.tolist()[0][1:] == batch.labels.tolist()[0][:-1]
    # The cache is used: nothing is encoded again.
    monkeypatch.setattr("seqzoo.tasks.token_file._encode_file", None)
    assert scored(task_on(files)) == scored(task)
    assert task_on(files).fingerprint == task.fingerprint


def test_blocks_change_no_token(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored(task_on(files))
    monkeypatch.setenv("XDG_CACHE_HOME", str(files[0].parent / "other"))
    monkeypatch.setattr(text_file, "CHUNK", 53)  # cuts words and characters
    monkeypatch.setattr(tokenized, "PIECE", 97)
    monkeypatch.setattr(tokenized, "OVERLAP", 40)
    assert scored(task_on(files)) == whole


def all_ids(task: Text) -> torch.Tensor:
    ids = task._file.ids
    return ids.windows(torch.tensor([0]), len(ids))[0]


def test_bytes_are_those_of_the_text(files: tuple[Path, Path]) -> None:
    task = task_on(files)
    ids = all_ids(task)
    assert float(task._file.bytes_of(ids)) == pytest.approx(len(STORY.encode()), rel=1e-5)
    tail = scored(task)
    decoded = task.decode(tail).encode()
    found = float(task._file.bytes_of(ids[len(ids) - len(tail) :]))
    assert found == pytest.approx(len(decoded), abs=4)


def test_what_was_saved_for_other_uses_is_switched_off_and_told(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = task_on(files)
    assert plain.notes() == ()
    tokenizer = tokenizers.Tokenizer.from_file(str(files[1]))
    tokenizer.enable_truncation(max_length=16)
    tokenizer.enable_padding(length=64)
    tokenizer.model.dropout = 0.5
    tokenizer.save(str(files[1]))
    task = task_on(files)
    assert all_ids(task).tolist() == all_ids(plain).tolist()
    prompt = "the quick fox jumps over the lazy dog " * 3
    assert task.encode(prompt) == plain.encode(prompt)
    assert [note.partition(", which")[0] for note in task.notes()] == [
        "switched off truncation to 16 tokens",
        "switched off padding",
        "switched off merge dropout of 0.5",
    ]


def test_a_torn_cache_is_made_again(files: tuple[Path, Path]) -> None:
    before = all_ids(task_on(files))
    (folder,) = (files[0].parent / "cache" / "seqzoo" / "tokens").iterdir()
    for name in ("ids", "lengths", "spans", "seal.json"):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        task = task_on(files)
        assert torch.equal(all_ids(task), before)
        assert (folder / name).read_bytes() != content
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # no drafts


def test_a_text_that_changes_while_it_is_encoded_is_not_kept(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = token_file.read_text

    def read_and_change(path: Path, digest: Any) -> Any:
        path.write_bytes(STORY.replace("dog", "cat").encode())
        return read(path, digest)

    monkeypatch.setattr(token_file, "read_text", read_and_change)
    with pytest.raises(SpecError, match=r"story.txt was changed by another program"):
        task_on(files)
    assert list((files[0].parent / "cache" / "seqzoo" / "tokens").iterdir()) == []


def test_a_changed_text_or_tokenizer_is_encoded_anew(files: tuple[Path, Path]) -> None:
    before = task_on(files).fingerprint
    files[0].write_bytes(STORY.replace("dog", "cat").encode())
    task = task_on(files)
    assert task.fingerprint != before
    assert "cat" in task.decode(scored(task))


def test_what_cannot_be_read_says_so(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, model = files
    with pytest.raises(SpecError, match=r"no tokenizer file .*nowhere.json"):
        task_on((text, tmp_path / "nowhere.json"))
    (tmp_path / "odd.json").write_text(json.dumps({"model": 3}))
    with pytest.raises(SpecError, match=r"odd.json is not a tokenizer of the tokenizers library"):
        task_on((text, tmp_path / "odd.json"))
    with pytest.raises(SpecError, match="there is no text file"):
        task_on((tmp_path / "nowhere.txt", model))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 " * 10)
    with pytest.raises(SpecError, match="not UTF-8"):
        task_on((tmp_path / "latin.txt", model))
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(SpecError, match="set XDG_CACHE_HOME to a folder that can be written"):
        task_on(files)


def test_the_unit_and_the_tokenizer_go_together() -> None:
    with pytest.raises(ValidationError, match="unit token needs a tokenizer"):
        Text.Spec(path="a", unit="token")
    with pytest.raises(ValidationError, match="unit char uses no tokenizer"):
        Text.Spec(path="a", unit="char", tokenizer="b")


def test_what_tokens_do_not_tell_of_the_text_is_said(files: tuple[Path, Path]) -> None:
    text, path = files
    pieces = tokenizers.pre_tokenizers.Whitespace()

    def notes(model, trainer) -> list[str]:
        tokenizer = tokenizers.Tokenizer(model)
        tokenizer.pre_tokenizer = pieces
        tokenizer.train_from_iterator(["ab ab cd"], trainer)
        tokenizer.save(str(path))
        return [note.removeprefix(f"{path} ").partition(":")[0] for note in task_on(files).notes()]

    text.write_text("ab é cd ab é " * 40, encoding="utf-8")
    of = f"of the first 520 characters of {text}"
    bpe = tokenizers.models.BPE(), tokenizers.trainers.BpeTrainer(vocab_size=8)
    assert notes(*bpe) == [f"has no token for 80 {of}"]
    words = (
        tokenizers.models.WordLevel(unk_token="[UNK]"),
        tokenizers.trainers.WordLevelTrainer(vocab_size=8, special_tokens=["[UNK]"]),
    )
    (note,) = notes(*words)
    assert note.startswith("makes ")
    assert note.endswith(f"tokens [UNK] {of}")
