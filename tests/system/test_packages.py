"""What is installed, read from metadata alone."""

from __future__ import annotations

from cnnkit.system import packages


def test_an_extra_includes_those_that_it_names() -> None:
    found = {extra.name: extra for extra in packages.extras()}
    assert found["test"].installed.keys() >= found["train"].installed.keys()
    assert found["dev"].installed.keys() >= found["test"].installed.keys()
    assert "cnnkit" not in found["dev"].installed
