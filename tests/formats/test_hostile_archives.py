"""A TorchScript or torch.export file that holds more than its network is refused, and never run."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from support.corruptions import Damage, edit_archive

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, MissingError
from cnnkit.evaluation.prediction import predict
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch import torchscript
from cnnkit.formats.pytorch.archive import deprecation_known, pack
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.isolated import run_isolated
from cnnkit.runtimes.loader import open_model

MAIN, OBJECTS = "archive/code/__torch__.py", "archive/data.pkl"
LINEAR = "archive/code/__torch__/torch/nn/modules/linear.py"
PRECIOUS = b"precious data of the user" * 40
FIRST = b"    pixel_scale = self.pixel_scale\n"


@pytest.fixture(scope="module")
def network() -> Weights:
    architecture = Architecture((1, 8, 8), (Block(4), Block(3, 1, 0, 2)), 3)
    return Weights.of(architecture, architecture.initial_parameters(5), {"names": ["a", "b", "c"]})


def options(network: Weights) -> Options:
    images = np.random.default_rng(0).integers(0, 256, (20, *network.architecture.input))
    split = Split(images.astype(np.uint8), np.zeros(20, np.int64))
    return Options(Dataset("own", split, split, ("a", "b", "c"), {}, "memory"))


@pytest.fixture(scope="module")
def files(network: Weights) -> dict[str, bytes]:
    return {
        name: next(iter(FORMATS[name].write(network, options(network)).values()))
        for name in ("torchscript", "pt2")
    }


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def insert(line: str) -> Damage:
    """Return a damage that puts a line of code into `forward`."""
    return edit_archive(MAIN, lambda code: code.replace(FIRST, f"    {line}\n".encode() + FIRST))


def torch_runs(content: bytes) -> None:
    """Do what torch.jit's own users do: load, and call with an image."""
    with deprecation_known():
        torch.jit.load(io.BytesIO(content))(torch.zeros((1, 1, 8, 8), dtype=torch.uint8))


def assert_refused(path: Path, reason: str) -> None:
    images = np.zeros((1, 1, 8, 8), np.uint8)
    for read in (read_contract, open_model, lambda path: run_isolated(path, images, [(0, 1)])):
        with pytest.raises(InputError, match=reason):
            read(path)


def test_our_own_files_are_run(files: dict[str, bytes], network: Weights, tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert open_model(path).weights_sha256 == network.sha256


@pytest.mark.parametrize(
    "line",
    [
        'ops.aten.save(image, "PLACE")',
        '_9 = ops.aten.from_file("PLACE", True, 250, dtype=1)\n    _8 = torch.fill_(_9, 7.)',
        '_9 = torch.from_file("PLACE", True, 250, dtype=1)\n    _8 = torch.fill_(_9, 7.)',
        '_9 = image.from_file("PLACE", True, 250)',
        "_9 = torch.set_num_threads(1)",
        "_9 = torch.mul(image, 2)",
        'print("PLACE")',
        "# torch.softmax",
    ],
)
def test_code_that_is_not_the_networks_is_never_run(
    files: dict[str, bytes], tmp_path: Path, line: str
) -> None:
    place, path = tmp_path / "precious", tmp_path / "net.pt"
    place.write_bytes(PRECIOUS)
    path.write_bytes(insert(line.replace("PLACE", str(place)))(files["torchscript"]))
    assert_refused(path, r"could run code when it is loaded \(its code .*__torch__\.py")
    assert place.read_bytes() == PRECIOUS
    assert {*tmp_path.iterdir()} == {place, path}


def test_pytorch_itself_would_write_the_file(files: dict[str, bytes], tmp_path: Path) -> None:
    # Otherwise the test above would prove nothing.
    place = tmp_path / "made"
    torch_runs(insert(f'ops.aten.save(image, "{place}")')(files["torchscript"]))
    assert place.exists()
    place.write_bytes(PRECIOUS)
    line = f'_9 = ops.aten.from_file("{place}", True, 250, dtype=6)'
    used = "_8 = torch.fill_(_9, 7.)\n    _2 = torch.add(_2, torch.sum(_8))"
    torch_runs(insert(f"{line}\n    {used}")(files["torchscript"]))
    assert place.read_bytes() != PRECIOUS


def test_no_command_runs_such_a_file(
    files: dict[str, bytes],
    tmp_path: Path,
    cli: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, path = tmp_path / "made", tmp_path / "net.pt"
    path.write_bytes(insert(f'ops.aten.save(image, "{place}")')(files["torchscript"]))
    monkeypatch.chdir(tmp_path)
    for command in (
        ("predict", path, path),
        ("eval", path),
        ("doctor", path),
        ("verify", path),
        ("demo", path, "--no-browser", "--port", 0),
        ("bench", path),
    ):
        result = cli(*command)
        assert result.exit_code == 2, result.stderr
    assert not place.exists()


SETSTATE = b"""\
  def __setstate__(self: __torch__.Classifier,
    state: Tuple[int]) -> NoneType:
    return None
"""
HOOK = b"""\
  def hook(self: __torch__.Classifier,
    input: Tuple[Tensor]) -> NoneType:
    return None
"""
TRICKS: dict[str, tuple[Damage, str]] = {
    "a __setstate__": (
        edit_archive(
            MAIN, lambda code: code.replace(b"  def forward", SETSTATE + b"  def forward")
        ),
        "its code",
    ),
    "a hook": (
        edit_archive(MAIN, lambda code: code.replace(b"  def forward", HOOK + b"  def forward")),
        "its code",
    ),
    "a submodule of another class": (
        edit_archive(
            MAIN, lambda code: code.replace(b"  linear :", b"  more : Tensor\n  linear :")
        ),
        "its code",
    ),
    "other sizes": (
        edit_archive(LINEAR, lambda code: code.replace(b"= 12", b"= 13")),
        "its code",
    ),
    "a class of C++": (
        edit_archive(
            OBJECTS,
            lambda text: text.replace(b"collections\nOrderedDict", b"torch._C\nScriptObject"),
        ),
        "the class torch._C ScriptObject",
    ),
    "bytes behind the pickle": (edit_archive(OBJECTS, lambda text: text + b"."), "bytes behind"),
    "an opcode that calls anything": (
        edit_archive(OBJECTS, lambda text: b"\x80\x02cos\nsystem\n" + text[2:]),
        "the class os system",
    ),
    "constants": (
        edit_archive("archive/constants.pkl", lambda _: b"\x80\x02(K\x01t."),
        r"its part archive/constants\.pkl",
    ),
}


@pytest.mark.parametrize("name", TRICKS)
def test_an_archive_with_more_than_its_network_is_refused(
    files: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    damage, reason = TRICKS[name]
    path = tmp_path / "net.pt"
    path.write_bytes(damage(files["torchscript"]))
    assert_refused(path, rf"could run code when it is loaded \({reason}")


@pytest.mark.parametrize(
    "name",
    [
        "archive/code/__torch__.py.debug_pkl",
        "archive/code/__torch__/more.py",
        "archive/bytecode.pkl",
        "archive/Data.pkl",
        "archive/data.pkl ",
        "archive/data/../data.pkl",
        "archive/data/٣",
        "archive/extra/more.json",
        "archive/.data/more",
        "other/code/__torch__.py",
        "model.json",
    ],
)
def test_an_unknown_part_is_refused(files: dict[str, bytes], tmp_path: Path, name: str) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(pack({**parts_of(files["torchscript"]), name: b"x"}))
    assert_refused(path, "could run code when it is loaded|was packed by another program")


def repacked(parts: Mapping[str, bytes], *more: tuple[str, bytes], method: int = 0) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, part in (*more, *parts.items()):
            archive.writestr(name, part)
    return content.getvalue()


def with_zip64(content: bytes) -> bytes:
    """Return the archive with the end record of a zip64 file, which readers look at first."""
    start = content.rfind(b"PK\5\6")
    _, _, _, _, count, size, offset, _ = struct.unpack("<4s4H2LH", content[start:])
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset
    ) + struct.pack("<4sLQL", b"PK\6\7", 0, start, 1)
    return content[:start] + record + content[start:]


@pytest.mark.parametrize("form", ["torchscript", "pt2"])
def test_every_reader_finds_the_same_parts_in_an_archive(
    files: dict[str, bytes], tmp_path: Path, form: str
) -> None:
    content = files[form]
    parts = parts_of(content)
    trap = next(name for name in parts if "code" in name or "models" in name)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = repacked(parts, (trap, b"x"))
    strange = {
        "two parts of one name": twice,
        "names that differ in case": repacked(parts, (trap.upper(), b"x")),
        "data before the archive": b"PK\3\4" + bytes(60) + content,
        "data behind it": content + b"x",
        "a comment": content[:-2] + b"\5\0hello",
        "zip64": with_zip64(content),
        "compression": repacked(parts, method=zipfile.ZIP_DEFLATED),
        "a part that only a local header has": content.replace(
            b"PK\1\2", b"PK\3\4" + bytes(26) + b"PK\1\2", 1
        ),
    }
    for what, damaged in strange.items():
        path = tmp_path / "net"
        path.write_bytes(damaged)
        assert damaged != content, what
        with pytest.raises(InputError, match=r"packed by another program|damaged archive"):
            open_model(path)


def test_code_of_another_release_is_known_by_what_it_says(
    files: dict[str, bytes], network: Weights, tmp_path: Path
) -> None:
    def reorder(code: bytes) -> bytes:
        lines = code.split(b"\n")
        start = next(i for i, line in enumerate(lines) if b"Final" in line)
        lines[start : start + 2] = reversed(lines[start : start + 2])
        return b"\n".join(lines).replace(b"hook : NoneType", b"hook : Optional[bool]")

    path = tmp_path / "net.pt"
    path.write_bytes(edit_archive(LINEAR, reorder)(files["torchscript"]))
    assert open_model(path).weights_sha256 == network.sha256


def test_unknown_code_of_a_new_release_is_not_exported(
    network: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = b"class Classifier(Module):\n  new : int\n"
    monkeypatch.setattr(torchscript, "write_archive", lambda *_: pack({MAIN: code}))
    with pytest.raises(MissingError, match="writes other code than this cnnkit knows"):
        torchscript.write_torchscript(network, options(network))


def test_an_archive_by_another_system_is_the_same(
    files: dict[str, bytes], network: Weights, tmp_path: Path
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(pack(parts_of(content), 0))  # 0 is what Python writes on Windows
        assert path.read_bytes() != content
        assert open_model(path).weights_sha256 == network.sha256


@pytest.mark.parametrize("form", ["torchscript", "pt2"])
def test_an_archive_bomb_is_refused_before_it_unpacks(
    files: dict[str, bytes], tmp_path: Path, form: str
) -> None:
    path = tmp_path / "net"
    parts = {**parts_of(files[form]), "archive/data/9": bytes(200_000_000)}
    path.write_bytes(repacked(parts, method=zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 1_000_000
    peak = peak_memory(lambda: assert_refused(path, "packed by another program"))
    assert peak < 20_000_000


def test_a_bomb_that_lies_about_its_size_is_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "net.pt"
    parts = {**parts_of(files["torchscript"]), "archive/data/9": bytes(100_000_000)}
    content = bytearray(repacked(parts, method=zipfile.ZIP_DEFLATED))
    entry = content.rfind(b"archive/data/9") - 46
    content[entry + 10 : entry + 12] = b"\0\0"  # stored, says the directory
    content[entry + 24 : entry + 28] = content[entry + 20 : entry + 24]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"packed by another program|damaged archive"):
        open_model(path)


def peak_memory(run: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_program_with_an_operator_more_is_refused(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    def repeat(text: bytes) -> bytes:
        program = json.loads(text)
        nodes = program["graph_module"]["graph"]["nodes"]
        nodes.insert(3, nodes[2])
        return json.dumps(program).encode()

    path = tmp_path / "net.pt2"
    path.write_bytes(edit_archive("archive/models/model.json", repeat)(files["pt2"]))
    assert_refused(path, "its operators are not those of its network")


def test_a_program_with_a_huge_padding_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    edit = edit_archive(
        "archive/models/model.json",
        lambda text: text.replace(b'{"as_ints":[1,1]}', b'{"as_ints":[99999,99999]}'),
    )
    path.write_bytes(edit(files["pt2"]))
    assert_refused(path, r"the sizes \[99999, 99999\]")


def test_a_picture_is_never_run_as_a_model(files: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(files["torchscript"])
    predictions, failed = predict(open_model(path), [path])
    assert not predictions
    assert "not a picture" in str(dict(failed)[path])


@pytest.mark.parametrize(("form", "part"), [("torchscript", "code/x"), ("pt2", "archive_format")])
def test_a_bomb_of_others_is_refused_by_name(tmp_path: Path, form: str, part: str) -> None:
    path = tmp_path / form
    parts = {f"archive/{part}": b"pt2", "archive/constants.pkl": bytes(200_000_000)}
    path.write_bytes(repacked(parts, method=zipfile.ZIP_DEFLATED))
    peak = peak_memory(lambda: assert_refused(path, "not one that cnnkit wrote"))
    assert peak < 20_000_000
