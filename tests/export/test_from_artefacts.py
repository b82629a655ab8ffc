"""A file that cnnkit wrote in any format is a MODEL of which other formats are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.in_process import in_process

import cnnkit
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError
from cnnkit.export import export
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.networks import build_network
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights

SIZE = (3, 16, 12)
IMAGES = drawn_images(SIZE, 20)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch, "isolated")


@pytest.mark.parametrize(
    ("form", "network"),
    [("c", "resnet8"), ("torchscript", "lenet5"), ("pt2", "lenet5")],
)
def test_a_file_of_ours_becomes_onnx_with_the_same_logits(
    form: str, network: str, tmp_path: Path
) -> None:
    weights = Weights(build_network(network, SIZE, 4), {"names": list("wxyz")})
    suffix = {"c": ".c", "torchscript": ".pt", "pt2": ".pt2"}[form]
    source, path = tmp_path / f"net{suffix}", tmp_path / "net.onnx"
    export(weights, source, form, data=IMAGES)
    report = export(source, path, data=IMAGES)
    assert report.passed
    found = cnnkit.load(path)
    assert found.names == list("wxyz")
    expected = evaluate(weights.graph, {INPUT: IMAGES}, [LOGITS])[LOGITS]
    np.testing.assert_allclose(found(IMAGES).logits, expected, atol=1e-5)
    with pytest.raises(InputError, match="--preprocess: is for models of others"):
        export(source, path, data=IMAGES, preprocessing="unit")
