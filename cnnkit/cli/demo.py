"""`cnnkit demo [MODEL]`: draw digits in the browser and watch the network classify them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnkit.cli.options import file_argument
from cnnkit.cli.output import stdout


def demo(
    model: Annotated[
        Path | None,
        file_argument(help="A run, a weights file or an exported file; the newest run by default."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Serve a page that classifies what you draw, a picture file or the camera, with your network.

    Networks for digits get the page to draw on; all others take pictures and the camera. Only this
    machine can reach the page; Ctrl-C stops the server. The host app export/onnx/web is the same
    page for any static web server, with the network running in the browser.
    """
    import webbrowser
    from contextlib import suppress

    from cnnkit.hosts.demo import Demo
    from cnnkit.runs.find import find_weights

    path = model or find_weights(None)
    page = Demo(path, port)
    stdout().print(f"serving {path} at {page.url} (Ctrl-C stops it)", soft_wrap=True)
    if browser:
        webbrowser.open(page.url)
    with suppress(KeyboardInterrupt):
        page.serve()
