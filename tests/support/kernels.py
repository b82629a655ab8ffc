"""The compiled kernels that an installation leaves behind, for tests that link them again."""

from __future__ import annotations

from pathlib import Path

from support.checkout import ROOT

COMPILED = ("csrc", "cnnkit/formats/c/kernels")  # the folders of what is compiled
SETTINGS = ("CMAKE_BUILD_TYPE:STRING=Release", "CNNKIT_SANITIZE:BOOL=OFF")


def compiled_kernels() -> Path | None:
    """Return the static library in `build/`, or None if it is missing or of other sources."""
    sources = [ROOT / "CMakeLists.txt"]
    for folder in COMPILED:
        sources += (ROOT / folder).rglob("*.*")
    newest = max(source.stat().st_mtime for source in sources)
    for library in (ROOT / "build").glob("*/libcnnkit_kernels.a"):
        cache = library.with_name("CMakeCache.txt").read_text().splitlines()
        wanted = {*SETTINGS, f"CMAKE_HOME_DIRECTORY:INTERNAL={ROOT}"}
        if library.stat().st_mtime > newest and wanted <= set(cache):
            return library
    return None
