"""`cnnkit demo` serves the drawing page, and the page works in a real browser."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from support.training import wait_until

import cnnkit
from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError, StorageError
from cnnkit.formats.checkpoint import write_weights
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.hosts.apps import host_folder, hosts
from cnnkit.hosts.demo import MOST_CONNECTIONS, Demo
from cnnkit.verify.reference import reference_logits

EXPORT = Path(__file__).parents[2] / "export"


@pytest.fixture(scope="module")
def demo(trained_run: Path) -> Iterator[Demo]:
    with Demo(trained_run) as demo:
        yield demo


def get(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url) as response:
        return response.headers["Content-Type"], response.read()


def test_the_page_and_all_that_it_imports_are_served(demo: Demo) -> None:
    kind, page = get(demo.url)
    assert kind.startswith("text/html")
    assert b"app.mjs" in page
    for name in ("app.mjs", "pad.mjs", "picture.mjs", "find.mjs", "planes.mjs", "runtime.mjs"):
        kind, content = get(demo.url + name)
        assert kind.startswith("text/javascript")
        assert content
    assert get(demo.url + "style.css")[0].startswith("text/css")


def test_the_answer_is_the_models(demo: Demo, trained_run: Path, mnist: Dataset) -> None:
    model = cnnkit.load(trained_run)
    for image in mnist.test.images[:20]:
        with urllib.request.urlopen(demo.url + "predict", data=image.tobytes()) as response:
            found = json.loads(response.read())["probabilities"]
        assert np.array_equal(np.float32(found), model(image[None]).probabilities[0])


def test_the_page_prepares_pictures_as_the_network_s_data(demo: Demo) -> None:
    assert json.loads(get(demo.url + "model.json")[1])["recipe"] == "mnist"


def test_a_network_of_other_data_is_served_without_a_recipe(
    trained: Weights, tmp_path: Path
) -> None:
    other = replace(trained, metadata={**trained.metadata, "dataset": "fashion-mnist"})
    write_weights(tmp_path / "other.safetensors", other)
    with Demo(tmp_path / "other.safetensors") as demo:
        assert json.loads(get(demo.url + "model.json")[1])["recipe"] is None


def test_a_body_of_another_length_is_refused(demo: Demo) -> None:
    for body, path in ((b"short", "/predict"), (b"\0" * 784, "/elsewhere")):
        connection = HTTPConnection("127.0.0.1", demo.server.server_port)
        connection.request("POST", path, body)
        assert connection.getresponse().status == 400
        connection.close()


def test_a_path_that_is_no_file_of_the_page_is_not_found(demo: Demo) -> None:
    for path in ("/nowhere", "/../pyproject.toml"):
        connection = HTTPConnection("127.0.0.1", demo.server.server_port)
        connection.request("GET", path)
        assert connection.getresponse().status == 404
        connection.close()


def test_a_page_of_another_site_gets_nothing(demo: Demo) -> None:
    port = demo.server.server_port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "", "[::2]"):
        for method, path in (("GET", "/model.json"), ("POST", "/predict"), ("GET", "/nowhere")):
            connection = HTTPConnection("127.0.0.1", port)
            connection.request(method, path, b"\0" * 784, headers={"Host": host})
            assert connection.getresponse().status == 403
            connection.close()
    for host in (f"localhost:{port}", "LOCALHOST", "127.0.0.1", "[::1]:80"):
        connection = HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/model.json", headers={"Host": host})
        assert connection.getresponse().status == 200
        connection.close()


def test_half_requests_neither_pile_up_nor_stop_the_page(demo: Demo) -> None:
    address = ("127.0.0.1", demo.server.server_port)
    before = threading.active_count()
    with ExitStack() as stack:
        for _ in range(3 * MOST_CONNECTIONS):
            half = stack.enter_context(socket.create_connection(address))
            half.sendall(b"GET / HTTP/1.1\r\nHost: local")
        assert get(demo.url)[1]
        wait_until(lambda: threading.active_count() <= before + MOST_CONNECTIONS + 1)
    wait_until(lambda: threading.active_count() <= before)


def test_an_idle_connection_is_closed(trained_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnkit.hosts.demo.IDLE_SECONDS", 0.1)
    with Demo(trained_run) as demo:
        address = ("127.0.0.1", demo.server.server_port)
        with socket.create_connection(address, timeout=60) as half:
            half.sendall(b"GET / HTTP/1.1\r\nHost: local")
            assert half.recv(1) == b""


def test_a_broken_connection_prints_no_traceback(
    demo: Demo, capfd: pytest.CaptureFixture[str]
) -> None:
    address = ("127.0.0.1", demo.server.server_port)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n\r\n"
    for sent in (
        head + bytes(100),
        head + bytes(784),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        for _ in range(10):
            with socket.create_connection(address) as broken:
                # Reset, not closed: what the server still sends fails.
                broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                broken.sendall(sent)
    wait_until(lambda: not demo.server.connections)
    assert get(demo.url)[1]
    assert capfd.readouterr().err == ""


def test_a_port_that_does_not_exist_is_bad_input(trained_run: Path) -> None:
    with pytest.raises(InputError, match="is 99999"):
        Demo(trained_run, 99999)


def test_a_port_that_is_taken_is_named(demo: Demo, trained_run: Path) -> None:
    with pytest.raises(StorageError, match=f"port {demo.server.server_port}"):
        Demo(trained_run, demo.server.server_port)


def test_the_installed_hosts_are_those_of_the_sources() -> None:
    assert hosts() == sorted(file.parent.parts[-2:] for file in EXPORT.glob("*/*/check.sh"))
    with pytest.raises(InputError, match="--host abacus: is not a host app for the format onnx"):
        host_folder("onnx", "abacus")
    with pytest.raises(InputError, match="format c-int8") as refused:
        host_folder("c", "node", "c-int8")  # files of rounded parameters become nothing else
    assert "`--format c-int8 --host wasm`" in refused.value.remedy
    assert "onnx" not in refused.value.remedy


def test_the_page_works_in_a_browser(demo: Demo, host_inputs: Path) -> None:
    check = EXPORT / "onnx" / "web" / "check.sh"
    done = subprocess.run(
        [check, host_inputs, demo.url], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 pictures, 0 with another label" in done.stdout


def test_the_page_of_a_network_of_any_size_works_in_a_browser(
    trained: Weights, tmp_path: Path
) -> None:
    architecture = Architecture(input=(1, 12, 9), blocks=(Block(4),), classes=3)
    named = {**trained.metadata, "names": ["rising", "falling", "flat"]}
    weights = Weights.of(architecture, architecture.initial_parameters(1), named)
    write_weights(tmp_path / "weights.safetensors", weights)
    images = np.random.default_rng(0).integers(0, 256, (20, 1, 12, 9)).astype(np.uint8)
    images[0], images[0, 0, 2:10, 4:6] = 0, 255  # the page opens it as a picture: a stroke
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", reference_logits(weights, images)[0].argmax(axis=1))
    (tmp_path / "names.txt").write_text("rising\nfalling\nflat\n")
    check = EXPORT / "onnx" / "web" / "check.sh"
    with Demo(tmp_path / "weights.safetensors") as demo:
        done = subprocess.run(
            [check, tmp_path, demo.url], text=True, capture_output=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 pictures, 0 with another label" in done.stdout


def film(path: Path) -> Path:
    """Write a film of one picture, dark on the left and light on the right, as cameras give it."""
    height, width = 48, 64
    luma = np.full((height, width), 60, np.uint8)
    luma[:, width // 2 :] = 200
    picture = luma.tobytes() + bytes([128]) * (height * width // 2)
    path.write_bytes(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + picture) * 20)
    return path


def test_a_frame_of_the_camera_goes_the_way_of_a_photo(tmp_path: Path) -> None:
    web = EXPORT / "onnx" / "web"
    if not (web / "node_modules").is_dir():
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--no-package-lock"], cwd=web, check=True, timeout=300)
    architecture = Architecture(input=(3, 8, 8), blocks=(Block(4),), classes=2)
    weights = Weights.of(architecture, architecture.initial_parameters(1), {"names": ["a", "b"]})
    write_weights(tmp_path / "weights.safetensors", weights)
    script = str(Path(__file__).parent / "page_camera.mjs")
    with Demo(tmp_path / "weights.safetensors") as demo:
        done = subprocess.run(
            ["node", script, web / "node_modules", demo.url, film(tmp_path / "film.y4m")],
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    seen = np.array(found["seen"], int).reshape(8, 8, 4)
    assert np.ptp(seen[:, :3, :3]) <= 3
    assert np.ptp(seen[:, 5:, :3]) <= 3
    assert seen[4, 6, 0] - seen[4, 1, 0] > 100
    assert found["verdict"].startswith(("a, ", "b, "))
    assert (found["hidden"], found["button"]) == ([False, True], "Take the picture")
    assert (found["after"], found["running"]) == (["Camera…", True], False)
    assert found["refused"] == "The camera gives no picture: Permission denied."
    assert found["without"] is True
