"""What a person says of a model of others is taken exactly, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cnnkit.errors import InputError, StorageError
from cnnkit.formats.preprocess import names_in, read_names, read_record

SIZE = (3, 8, 6)


def test_the_three_words_are_records() -> None:
    unit, imagenet, none = (read_record(word, SIZE) for word in ("unit", "imagenet", "none"))
    assert (unit.scale, unit.mean, unit.std) == (1 / 255, (0, 0, 0), (1, 1, 1))
    assert (none.scale, none.mean, none.std) == (1, (0, 0, 0), (1, 1, 1))
    assert imagenet.scale == 1 / 255
    assert (imagenet.mean, imagenet.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with pytest.raises(InputError, match="for 3 channels; the model takes 1"):
        read_record("imagenet", (1, 8, 6))


def written(folder: Path, value: Any) -> str:
    (folder / "record.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return str(folder / "record.json")


def test_a_file_says_a_part_and_the_rest_is_that_of_scaled_pixels(tmp_path: Path) -> None:
    path = written(tmp_path, {"mean": 0.5, "std": [0.1, 0.2, 0.3], "resize": {"mode": "stretch"}})
    with pytest.raises(InputError, match="filter None, which is not one of"):
        read_record(path, SIZE)
    path = written(tmp_path, {"mean": 0.5, "std": [0.1, 0.2, 0.3]})
    record = read_record(path, SIZE)
    assert (record.scale, record.mean) == (1 / 255, (0.5, 0.5, 0.5))
    assert record.std == (0.1, 0.2, 0.3)


def test_a_record_comes_back_as_an_artefact_states_it(tmp_path: Path) -> None:
    record = read_record("imagenet", SIZE)
    assert read_record(written(tmp_path, record.to_json(True)), SIZE) == record


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{", "is not JSON"),
        ([1], "is not a JSON object"),
        ({"means": [0]}, "unknown key 'means'"),
        ({"mean": [0.5]}, "has 1 numbers in mean, not 3"),
        ({"std": 0}, "a scale or std of 0"),
        ({"scale": "much"}, "is not a preprocessing record"),
        ({"resize": {"mode": "melt", "filter": "box"}}, "resize mode 'melt'"),
        ({"resize": [1]}, "is not a preprocessing record"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, value: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_record(written(tmp_path, value), SIZE)


def test_a_file_that_is_not_there_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        read_record(str(tmp_path / "none.json"), SIZE)


def test_names_are_one_a_line_and_as_many_as_there_are_classes(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffcat\r\n dog \nbee\n\n".encode())
    assert read_names(path, 3) == ["cat", "dog", "bee"]
    with pytest.raises(InputError, match="has 3 names, and the model has 4 classes"):
        read_names(path, 4)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not text in UTF-8"):
        read_names(path, 1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'cat', 1: 'dog'}", ["cat", "dog"]),
        ('{"1": "dog", "0": "cat"}', ["cat", "dog"]),
        ('["cat", "dog"]', ["cat", "dog"]),
        ("['cat']", None),
        ("__import__('os')", None),
        ("{'a': 1, 'b': 2}", None),
    ],
)
def test_names_in_metadata_are_read_and_never_run(text: str, names: list[str] | None) -> None:
    assert names_in({"names": text}, 2) == names
