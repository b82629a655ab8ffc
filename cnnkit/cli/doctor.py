"""`cnnkit doctor`: what this machine can do; `cnnkit doctor MODEL`: which hosts load a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import JsonOption
from cnnkit.cli.output import emit_json, stdout
from cnnkit.errors import InputError, VerdictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnkit.doctor.environment import Diagnosis


def doctor(
    model: Annotated[
        Path | None, typer.Argument(help="An exported file, or any ONNX file.")
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rewrite an ONNX file so that more hosts read it.")
    ] = False,
    opset: Annotated[int, typer.Option(help="With --fix: the highest opset to leave.")] = 17,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --fix: by default MODEL with .fixed in it."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what this machine and installation can do, or which hosts load a model.

    Without MODEL: versions, processor, cores, kernels, data, and what each missing extra would
    unlock; exits with 3 if the installation itself is broken.

    With MODEL: every host, *tested* here and now or *inferred* from the file and a table; exits
    with 1 if a tested host does not give the right answers. --fix inlines data of other files and
    lowers opset and IR version; the result is kept only if its answers are the original's.
    """
    if model is None:
        if fix:
            raise InputError("--fix", "needs a model", "name an ONNX file")
        show_machine(json)
    elif fix:
        fix_model(model, opset, output, json)
    else:
        show_hosts(model, json)


def show_hosts(model: Path, json: bool) -> None:
    """Print a line for every host."""
    from cnnkit.doctor.compatibility import find_hosts

    findings = find_hosts(model)
    failed = [finding.host for finding in findings if finding.loads is False]
    if json:
        hosts = [asdict(finding) for finding in findings]
        emit_json("doctor", {"model": str(model), "hosts": hosts})
    else:
        marks = {True: "✓", False: "✗", None: "?"}
        for f in findings:
            line = f"{marks[f.loads]} {f.host}  [{f.basis}]  {f.reason}"
            stdout().print(line, soft_wrap=True, markup=False)
    if failed:
        raise VerdictError(
            model, f"is not answered rightly by {', '.join(failed)}", "try `cnnkit doctor --fix`"
        )


def fix_model(model: Path, opset: int, output: Path | None, json: bool) -> None:
    """Rewrite an ONNX file and say what changed."""
    from cnnkit.doctor.onnx_rewrite import fix
    from cnnkit.system.files import sha256, write_bytes

    target = output or model.with_suffix(f".fixed{model.suffix}")
    fixed = fix(model, opset)
    if fixed.changes:
        write_bytes(target, fixed.content)
    if json:
        facts = {"model": str(model), "changes": fixed.changes, "difference": fixed.difference}
        written = {"output": str(target), "sha256": sha256(fixed.content)} if fixed.changes else {}
        emit_json("doctor", {**facts, **written})
    elif fixed.changes:
        text = f"{target}: {', '.join(fixed.changes)}; answers differ by {fixed.difference:.1e}"
        stdout().print(text, soft_wrap=True, markup=False)
    else:
        stdout().print(f"{model}: nothing to change", soft_wrap=True, markup=False)


def show_machine(json: bool) -> None:
    """Print what this machine and this installation can do."""
    from cnnkit.doctor.environment import examine

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
