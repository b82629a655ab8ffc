"""Check a built site: every link, picture and anchor leads somewhere: `python check_links.py SITE`.

Links to other servers are listed and not followed: the check needs no network.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The targets of a page's links, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is called, and where it leads."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        names = {"a": "href", "link": "href", "img": "src", "script": "src"}
        if (target := values.get(names.get(tag, ""), "")) and values.get("rel") != "canonical":
            self.links.add(target)


def anchors(page: Page | None) -> set[str]:
    """Return a page's anchors; what is no page has none."""
    return page.anchors if page else set()


def dead_links(site: Path) -> list[str]:
    """Return each link that leads nowhere, with the page that it is on."""
    pages = {file: Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    dead = []
    for file, page in pages.items():
        if file.name == "404.html":  # its links are the server's
            continue
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            base = site if path.startswith("/") else file.parent
            target = (base / path.lstrip("/")).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                dead.append(f"{file.relative_to(site)}: {link}")
            elif parts.fragment and unquote(parts.fragment) not in anchors(pages.get(target)):
                dead.append(f"{file.relative_to(site)}: {link} (no such anchor)")
    return dead


if __name__ == "__main__":
    found = dead_links(Path(sys.argv[1]).resolve())
    print("\n".join(found) or "no dead links")
    sys.exit(bool(found))
