"""The test vectors for the page's JavaScript are what Python's preparation computes."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from support.make_picture_vectors import VECTORS, pictures, prepared

ROWS = json.loads(VECTORS.read_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_python_prepares_the_shared_pictures_as_they_say(row: dict[str, Any]) -> None:
    grey = np.frombuffer(base64.b64decode(row["grey"]), np.uint8).reshape(row["shape"])
    found = prepared(grey)
    if row["expected"] is None:
        assert found is None
    else:
        expected = np.frombuffer(base64.b64decode(row["expected"]), np.uint8).reshape(1, 28, 28)
        assert found is not None
        assert np.abs(found.image.astype(int) - expected).max() <= 1
        assert found.several == row["several"]


def test_the_shared_pictures_are_those_of_the_script() -> None:
    assert [row["name"] for row in ROWS] == list(pictures())
