"""Files are whole or absent, and an error names the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnnkit.errors import StorageError
from cnnkit.system.files import read_bytes, replacing, write_text


def test_a_file_keeps_its_content_if_writing_the_next_fails(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_and_what_is_no_folder_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "note.txt", "words")
    assert read_bytes(tmp_path / "a" / "b" / "note.txt", most=3) == b"wor"
    wrong = tmp_path / "a" / "b" / "note.txt" / "more.txt"
    with pytest.raises(StorageError, match=re.escape(f"{wrong}: cannot be written")):
        write_text(wrong, "words")
    with pytest.raises(StorageError, match=re.escape(f"{wrong}: cannot be read")):
        read_bytes(wrong)
