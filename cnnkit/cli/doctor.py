"""`cnnkit doctor`: what this machine and this installation can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnnkit.cli.options import JsonOption
from cnnkit.cli.output import emit_json, stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnkit.doctor import Diagnosis


def doctor(json: JsonOption = False) -> None:
    """Show versions, processor, cores, kernels, data, and what each missing extra would unlock.

    Exits with 3 if the installation itself is broken; a missing extra is no error.
    """
    from cnnkit.doctor import examine

    found = examine()
    if json:
        emit_json("doctor", found.to_json())
    else:
        console = stdout()
        for title, text in lines(found):
            console.print(f"{title:<14}{text}", soft_wrap=True, markup=False)
    found.check()


def lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    """Yield title and text of every line."""
    yield "versions", ", ".join(f"{k} {v or 'MISSING'}" for k, v in found.versions.items())
    yield "system", found.system
    yield "CPU", found.cpu
    yield "", " ".join(found.features) or "its features are not reported here"
    yield "kernels", kernels_text(found)
    yield "cores", cores_text(found.cores)
    yield "C++ compiler", found.compiler or "none: torch.compile, and builds from source, need one"
    for extra in found.extras:
        have = ", ".join(f"{k} {v}" for k, v in extra.installed.items() if v)
        yield (
            f"[{extra.name}]",
            f"complete: {have}" if extra.complete else f"unlocks: {extra.unlocks}",
        )
        if not extra.complete:
            yield "", f"get it with: {extra.command}"
    for name, cache in found.data.items():
        state = f"{len(cache['files'])} files" if cache["files"] else "not fetched yet"
        yield name, f"{cache['folder']} ({state})"
    yield "runs", f"{found.runs['folder']} (newest: {found.runs['newest'] or 'none yet'})"


def kernels_text(found: Diagnosis) -> str:
    """Say which instruction set is in use, and why."""
    kernels = found.kernels
    if kernels.problem:
        return kernels.problem
    why = f"forced by CNNKIT_ISA={kernels.forced}" if kernels.forced else "the best here"
    return f"{kernels.isa}, {why}; this machine can run: {', '.join(kernels.available)}"


def cores_text(cores: dict[str, Any]) -> str:
    """Say how many cores there are, and how many of them this process may use."""
    text = f"{cores['usable']} of {cores['present']} usable by this process"
    return text if cores["quota"] is None else f"{text}; control-group quota {cores['quota']:g}"
