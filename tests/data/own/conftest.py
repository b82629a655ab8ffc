"""Every test of a person's own pictures has a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import make_folders


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "cnnkit" / "pictures"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Eight pictures of two classes, to which a test adds what is bad."""
    return make_folders(tmp_path / "data", {"cat": 4, "dog": 4})
