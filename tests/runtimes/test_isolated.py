"""What a model's own process says comes back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.in_process import in_process

from cnnkit.errors import (
    CnnkitError,
    InputError,
    MissingError,
    OperatorsError,
    StorageError,
    VerdictError,
)
from cnnkit.runtimes.isolated import run_isolated


@pytest.mark.parametrize(
    "kind", [InputError, OperatorsError, MissingError, StorageError, VerdictError]
)
def test_an_error_keeps_its_kind_and_its_details(
    kind: type[CnnkitError], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(path: Path) -> Any:
        raise kind(path, "has two nodes", "change it", ["one", "two"])

    in_process(monkeypatch, "isolated")
    monkeypatch.setattr("cnnkit.runtimes.loader.open_model", refuse)
    with pytest.raises(kind, match="has two nodes") as caught:
        run_isolated(tmp_path / "net.onnx", np.zeros((1, 1, 2, 2), np.uint8), [(0, 1)])
    assert (type(caught.value), caught.value.details) == (kind, ("one", "two"))
