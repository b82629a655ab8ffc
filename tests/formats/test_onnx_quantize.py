"""A quantised export is the network, rounded: how far off it may be is stated and held."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, VerdictError
from cnnkit.export.pipeline import export
from cnnkit.formats.detect import read_contract
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.options import Options, check_drop
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import open_model
from cnnkit.verify.run import verify


def test_weights_have_a_step_per_output_channel_and_fit_into_seven_bits(
    artefacts: dict[str, Path], trained: Weights
) -> None:
    model = onnx.load(artefacts["onnx-int8"])
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    names = {"convs.0": "relu0", "convs.1": "relu1", "linear": "logits"}
    for name, result in names.items():
        array = trained.tensors[f"{name}.weight"]
        whole, step = tensors[f"{result}.weight.quantised"], tensors[f"{result}.weight.scale"]
        assert (whole.dtype, step.shape) == (np.int8, (len(array),))
        assert np.abs(whole.astype(int)).max() <= 64
        np.testing.assert_allclose(
            step, np.abs(array).reshape(len(array), -1).max(axis=1) / 64, rtol=0.02
        )
        rounded = whole * step.reshape(-1, *[1] * (array.ndim - 1))
        assert np.abs(rounded - array).max() <= np.abs(array).max() / 120


def test_the_rest_of_the_contract_is_that_of_the_float_file(
    artefacts: dict[str, Path], trained: Weights, mnist: Dataset
) -> None:
    model = open_model(artefacts["onnx-int8"])
    assert model.format == "onnx-int8"
    assert model.declared == open_model(artefacts["onnx"]).declared
    assert model.metadata["cnnkit.weights_sha256"] == trained.sha256
    assert model.metadata["cnnkit.quantization"]["calibration_images"] == 500
    images = mnist.test.images[:500]
    same = model(images).label == open_model(artefacts["onnx"])(images).label
    assert same.mean() > 0.9
    assert onnx.load(artefacts["onnx-int8"]).producer_name == "cnnkit"


def test_the_same_weights_give_the_same_bytes_anywhere(
    artefacts: dict[str, Path], weights_file: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from cnnkit.formats.checkpoint import read_weights;"
        "from cnnkit.formats.onnx.quantize import write_onnx_int8;"
        "from cnnkit.data import load_dataset;"
        "from cnnkit.formats.options import Options; options = Options(load_dataset('mnist'));"
        "files = write_onnx_int8(read_weights(Path(sys.argv[1])), options);"
        "sys.stdout.buffer.write(files['.int8.onnx'])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, weights_file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert artefacts["onnx-int8"].read_bytes() == elsewhere.stdout
    assert elsewhere.stderr == b""


def test_its_accuracy_and_speed_are_reported_beside_the_float_file(
    cli: Callable[..., Any], weights_file: Path, tmp_path: Path
) -> None:
    result = cli(
        *("export", weights_file, "--format", "onnx-int8", "--input", "float32"),
        *("-o", tmp_path / "net.onnx"),
    )
    assert result.exit_code == 0, result.stderr
    assert "its accuracy is at most 0.50% below the reference's" in result.stdout
    for batch in (1, 64):
        assert f"µs an image in ONNX Runtime, batch {batch}: int8 " in result.stdout
    assert read_contract(tmp_path / "net.onnx")["cnnkit.preprocessing"]["scaled_inside"] is False


def test_an_accuracy_below_the_bound_is_refused_and_nothing_is_kept(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    # Calibrated on black images, it clips all that the real ones have.
    black = Split(np.zeros_like(few.train.images[:100]), few.train.labels[:100])
    options = Options(replace(few, train=black))
    with pytest.raises(VerdictError, match=r"its accuracy is at most 0\.50% below") as caught:
        export(trained, "onnx-int8", tmp_path / "net.onnx", options)
    assert "was not kept" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_more_may_be_allowed_and_the_file_says_so(artefacts: dict[str, Path]) -> None:
    stated = read_contract(artefacts["onnx-int8"])["cnnkit.quantization"]
    assert stated["max_accuracy_drop"] == 0.005


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_bound_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="--max-drop"):
        check_drop(share)


def test_an_opset_without_a_scale_per_channel_is_refused(trained: Weights, few: Dataset) -> None:
    with pytest.raises(InputError, match="--opset 12: is too old for a scale per channel"):
        write_onnx_int8(trained, Options(few, opset=12))


def test_training_images_of_another_size_are_refused(trained: Weights, few: Dataset) -> None:
    small = replace(few, train=Split(few.train.images[:, :, ::2, ::2], few.train.labels))
    with pytest.raises(InputError, match=r"has training images of \[1, 14, 14\]"):
        write_onnx_int8(trained, Options(small))


def test_weights_of_another_network_are_a_negative_verdict(
    artefacts: dict[str, Path], trained: Weights, few: Dataset
) -> None:
    fresh = Weights.of(
        trained.architecture, trained.architecture.initial_parameters(5), trained.metadata
    )
    report = verify([artefacts["onnx-int8"]], fresh, few)[0]
    failed = {check.claim for check in report.checks if not check.passed}
    assert "its weights are these, rounded to 8 bits" in failed
