"""ONNX with cnnkit's own operator: the fused kernel answers inside ONNX Runtime's sessions."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from support.kernels import COMPILED, compiled_kernels

from cnnkit.bench.case import verify_peer
from cnnkit.bench.peers.registry import INFERENCE_PEERS
from cnnkit.bench.subject import BenchData
from cnnkit.bench.suites import infer_suite
from cnnkit.data.dataset import Dataset
from cnnkit.errors import MissingError
from cnnkit.export.pipeline import export
from cnnkit.formats.onnx.fused import write_onnx_fused
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.ops.ort_op import LIBRARY, ort_custom_ops
from cnnkit.runtimes.loader import open_model
from cnnkit.system.files import sha256, write_bytes

SOURCES = Path(__file__).parents[2]
HEADERS = "@siteed/sherpa-onnx.rn"  # a package that carries ONNX Runtime's C++ headers


def fingerprint() -> str:
    """Return a digest of all that decides what the build gives."""
    compiler = os.environ.get("CXX", "c++")
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    found = (file for folder in COMPILED for file in sorted((SOURCES / folder).rglob("*")))
    files = [file for file in found if file.is_file()]
    parts = [file.read_bytes() for file in (SOURCES / "CMakeLists.txt", *files)]
    names = [str(file.relative_to(SOURCES)) for file in files]
    return sha256(repr((compiler, version, os.environ.get("CXXFLAGS"), names, parts)).encode())


def build(work: Path) -> Path:
    """Build the operators as the README says, with headers from npm."""

    def run(*words: object) -> None:
        done = subprocess.run(
            [str(word) for word in words], cwd=work, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("npm", "pack", "--silent", HEADERS)
    run("tar", "xzf", next(work.glob("*.tgz")), "package/prebuilt/include")
    include = work / "package" / "prebuilt" / "include" / "onnxruntime"
    options = ["-DCNNKIT_WERROR=ON", f"-DCNNKIT_ORT_INCLUDE={include}"]
    target, kernels = "cnnkit_ort_ops", compiled_kernels()
    if kernels:  # these take a minute and a half to compile
        options.append("-GUnix Makefiles")
        target += "/fast"  # takes what it is linked with as it is
    run("cmake", "-S", SOURCES, "-B", work / "build", *options)
    if kernels:
        shutil.copy(kernels, work / "build")
    run("cmake", "--build", work / "build", "-j", 2, "--target", target)
    return work / "build" / "cnnkit_ort_ops.so"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The operators, built again only after a change."""
    work = tmp_path_factory.mktemp("ort-ops")
    cache: pytest.Cache | None = getattr(request.config, "cache", None)  # -p no:cacheprovider
    kept = (cache.mkdir("ort-ops") if cache else work) / f"{fingerprint()}.so"
    if not kept.exists():
        for older in kept.parent.glob("*.so"):
            older.unlink()
        write_bytes(kept, build(work).read_bytes())
    return kept


@pytest.fixture
def operators(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY, str(library))


@pytest.mark.usefixtures("operators")
def test_the_file_is_verified_like_every_other(
    trained: Weights, mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "mnist.fused.onnx"
    report = export(trained, "onnx-fused", path, Options(mnist))
    assert report.passed
    assert report.format == "onnx-fused"
    operators = [node.op_type for node in onnx.load(path).graph.node]
    assert operators.count("ConvReluPool") == 2
    assert not {"Conv", "Relu", "MaxPool"} & set(operators)


@pytest.mark.usefixtures("operators")
def test_another_member_of_the_family_answers_too(few: Dataset, tmp_path: Path) -> None:
    architecture = Architecture(blocks=(Block(5, kernel=5, padding=2, pool=3), Block(20)))
    weights = Weights.of(architecture, architecture.initial_parameters(3))
    assert export(weights, "onnx-fused", tmp_path / "net.fused.onnx", Options(few)).passed


@pytest.mark.usefixtures("operators")
def test_threads_of_the_session_change_no_bit(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "mnist.fused.onnx"
    export(trained, "onnx-fused", path, Options(few))
    one, two = (open_model(path, threads).run(few.test.images) for threads in (1, 2))
    for name in one._fields:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.register_custom_ops_library(ort_custom_ops())
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def changed(weights: Weights, data: Dataset, name: str, values: list[int]) -> onnx.ModelProto:
    """The file with another value of an attribute in its first block."""
    model = onnx.load_from_string(write_onnx_fused(weights, Options(data))[".fused.onnx"])
    node = next(node for node in model.graph.node if node.op_type == "ConvReluPool")
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, values)])
    return model


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [("strides", [0, 1], "below 1"), ("pool_kernel", [2], "not two numbers")],
)
def test_attributes_that_make_no_operation_are_refused(
    trained: Weights, few: Dataset, name: str, values: list[int], reason: str
) -> None:
    with pytest.raises(Exception, match=reason):
        session(changed(trained, few, name, values))


@pytest.mark.usefixtures("operators")
def test_images_that_are_too_small_are_refused(trained: Weights, few: Dataset) -> None:
    opened = session(changed(trained, few, "pool_kernel", [40, 40]))
    with pytest.raises(Exception, match="too small"):
        opened.run(None, {"image": few.test.images[:1]})


def test_without_the_library_the_way_to_build_it_is_named(
    trained: Weights, few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIBRARY, str(tmp_path / "none.so"))
    with pytest.raises(MissingError, match="CNNKIT_ORT_INCLUDE"):
        export(trained, "onnx-fused", tmp_path / "a.onnx", Options(few))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("operators")
def test_a_changed_weight_does_not_verify(trained: Weights, few: Dataset, tmp_path: Path) -> None:
    from cnnkit.verify.run import verify

    tensors = {**trained.tensors, "linear.bias": trained.tensors["linear.bias"] + np.float32(1)}
    other = Weights.of(trained.architecture, tensors, trained.metadata)
    path = tmp_path / "mnist.fused.onnx"
    export(other, "onnx-fused", path, Options(few))
    assert not verify([path], trained, few)[0].passed


@pytest.mark.usefixtures("operators")
def test_the_bench_times_it_beside_the_standard_file(trained: Weights, few: Dataset) -> None:
    data = BenchData(trained, few.test.images, few.test.labels, "trained, MNIST")
    (work,) = infer_suite(data, 16)
    peer = INFERENCE_PEERS["onnxruntime-fused"]
    row = verify_peer("onnxruntime-fused", peer, work, threads=1).row
    assert row.status == "timed", row.reason
