"""A local server of the drawing page: `with Demo(Path("runs/train/mnist-1")) as demo: demo.url`.

The page is the host app export/onnx/web, but the network runs in this process, in cnnkit's native
engine, instead of in the browser.
"""

from __future__ import annotations

import json
import math
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, StorageError
from cnnkit.formats.description import preprocessing
from cnnkit.hosts.apps import host_folder
from cnnkit.runtimes.loader import load
from cnnkit.runtimes.model import Model

MOST_CONNECTIONS = 64
IDLE_SECONDS = 10.0  # until a connection on which nothing comes is closed
HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
TIMED_SECONDS = 0.002  # of repeated calls for one measurement
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
}


class Demo:
    """A server of the page, reachable from this machine only; `serve` runs until interrupted.

    Args:
        path: a run folder, a weights file or an artefact.
        port: the port to listen on; 0 picks a free one.

    Raises:
        InputError: the file is not a network of gray or coloured images, or there is no such port.
        StorageError: the port is in use.
    """

    def __init__(self, path: Path, port: int = 0) -> None:
        model = load(path)
        record = preprocessing(model.weights)
        if record.colour == "channels":
            raise InputError(
                path,
                f"expects {record.size[0]} channels, and the page has gray or coloured pictures",
                "use a network of one or three channels",
            )
        try:
            self.server = _Server(("127.0.0.1", port), _handler(model))
        except OverflowError as error:
            raise InputError("port", f"is {port}", "use one from 1 to 65535") from error
        except OSError as error:
            raise StorageError(
                f"port {port}", f"cannot be used ({error})", "choose another with --port"
            ) from error

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server.server_port}/"

    def serve(self) -> None:
        """Serve requests until the process is interrupted."""
        self.server.serve_forever()

    def __enter__(self) -> Demo:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    """Serves each connection in a thread of its own; a new one ends the oldest of too many."""

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS  # a browser tries again only after seconds

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.lock = threading.Lock()
        self.connections: dict[Any, None] = {}  # in the order of their arrival

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.connections[request] = None
            oldest = next(iter(self.connections))
            if len(self.connections) > MOST_CONNECTIONS:
                del self.connections[oldest]
                with suppress(OSError):  # it is closed already
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error of ours, but say nothing of a connection that broke."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def page_files() -> dict[str, tuple[str, bytes]]:
    """Return the page's files by URL path, as content type and bytes."""
    folder = host_folder("onnx", "web")
    files = {f"/{file.name}": file for file in (folder / "page").iterdir()}
    files |= {"/": files["/index.html"], "/runtime.mjs": folder / "runtimes" / "server.mjs"}
    return {path: (TYPES[file.suffix], file.read_bytes()) for path, file in files.items()}


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    files = page_files()
    record, shape = preprocessing(model.weights), model.weights.size
    area = math.prod(shape)
    about = {
        "name": model.runtime,
        "names": model.names,
        "size": list(shape[1:]),
        "recipe": record.recipe,
        "preprocessing": None if record.recipe else record.to_json(scaled_inside=True),
        "selfTest": "weights match their SHA-256",  # `load` has checked it
    }
    files["/model.json"] = ("application/json", json.dumps(about).encode())

    def predict(image: NDArray[np.uint8]) -> dict[str, Any]:
        return {"probabilities": model(image).probabilities[0].tolist()}

    def measure(image: NDArray[np.uint8]) -> dict[str, Any]:
        start, calls, elapsed = time.perf_counter(), 0, 0.0
        while elapsed < TIMED_SECONDS:
            model(image)
            calls += 1
            elapsed = time.perf_counter() - start
        return {"microseconds": 1e6 * elapsed / calls}

    actions: dict[str, Callable[[NDArray[np.uint8]], dict[str, Any]]] = {
        "/predict": predict,
        "/time": measure,
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS
        disable_nagle_algorithm = True  # else a body waits for the acknowledgement of its header

        def is_local(self) -> bool:
            """Refuse a page of another site whose name leads here (DNS rebinding)."""
            host = HOST.fullmatch(self.headers.get("Host", ""))
            if host is None:
                self.close_connection = True
                self.send_error(HTTPStatus.FORBIDDEN, "only for pages of this computer")
            return host is not None

        def do_GET(self) -> None:
            if not self.is_local():
                return
            if self.path not in files:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.send(*files[self.path])

        def do_POST(self) -> None:
            if not self.is_local():
                return
            length = self.headers.get("Content-Length", "")
            if self.path not in actions or length != str(area):
                self.close_connection = True  # because the body has not been read
                self.send_error(HTTPStatus.BAD_REQUEST, f"POST {area} bytes to /predict")
                return
            body = self.rfile.read(int(length))
            if len(body) != area:  # the browser broke off
                self.close_connection = True
                return
            pixels = np.frombuffer(body, np.uint8)
            result = actions[self.path](pixels.reshape(1, *shape))
            self.send("application/json", json.dumps(result).encode())

        def send(self, content_type: str, content: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Log nothing: every stroke on the page is a request."""

    return Handler
