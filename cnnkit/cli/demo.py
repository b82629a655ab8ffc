"""`cnnkit demo [MODEL]`: draw digits in the browser and watch the network answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cnnkit.cli.output import stdout


def demo(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A run, a weights file or an exported file; the newest run by default."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, help="Where to listen; 0 takes a free one.")] = 8000,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Serve a page to draw digits on, answered by your network in cnnkit's own engine.

    Only this machine can reach it; Ctrl-C ends it. The same page for any static web server, with
    the network inside the browser, is the host export/onnx/web.
    """
    import webbrowser
    from contextlib import suppress

    from cnnkit.hosts.demo import Demo
    from cnnkit.runs.find import find_weights

    path = model or find_weights(None)
    page = Demo(path, port)
    stdout().print(f"{path} answers at {page.url} (Ctrl-C ends it)", soft_wrap=True)
    if browser:
        webbrowser.open(page.url)
    with suppress(KeyboardInterrupt):
        page.serve()
