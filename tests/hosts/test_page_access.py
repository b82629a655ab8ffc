"""The checks of the page's accessibility find what they are there for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

WEB = Path(__file__).parents[2] / "export" / "onnx" / "web"
GOOD = """<!doctype html><html lang="en"><head><title>A page</title>
<meta name="viewport" content="width=device-width">
<style>body { color: #222; background: #fff } button { border: 1px solid #666; min-height: 2rem }
:focus-visible { outline: 3px solid #00f }</style></head><body><main><h1>A page</h1>
<h2>Part</h2><button id="go">Go</button><p role="status">Ready</p></main></body></html>"""

# What is replaced by what, and the beginning of the fault that it makes.
BROKEN = (
    (">Go<", "><", "a control or picture of the role button has no name"),
    ("main>", "div>", "there is no single main landmark"),
    ('role="status"', "", "no live region announces the prediction"),
    ('lang="en"', "", "the page lacks: lang"),
    ("h2>", "h3>", "a level of headings is left out"),
    ("width=device-width", "user-scalable=no", "the page lacks: viewport that may be zoomed"),
    ("color: #222", "color: #999", "the text of h1 has a contrast of 2.85"),
    ("solid #666", "solid #ccc", "the edge of button#go has a contrast of 1.61"),
    ('id="go"', 'id="go" tabindex="-1"', "#go cannot be reached with the Tab key"),
    ("outline: 3px solid #00f", "outline: none", "#go is small, or does not show"),
    ("<h2>", '<h2 style="width: 400px">', "the page is "),
    ("min-height: 2rem", "transition: color 1s; min-height: 2rem", "button moves although"),
)


def test_every_fault_of_a_page_is_named(tmp_path: Path) -> None:
    if not (WEB / "node_modules").is_dir():
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--no-package-lock"], cwd=WEB, check=True, timeout=300)
    pages = [GOOD, *(GOOD.replace(old, new) for old, new, _ in BROKEN)]
    (tmp_path / "pages.json").write_text(json.dumps(pages), "utf-8")
    script = Path(__file__).parent / "page_faults.mjs"
    done = subprocess.run(
        ["node", script, WEB, tmp_path / "pages.json"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    good, *found = json.loads(done.stdout)
    assert good == []
    for (_, _, fault), faults in zip(BROKEN, found, strict=True):
        assert any(each.startswith(fault) for each in faults), (fault, faults)
