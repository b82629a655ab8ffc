"""`cnnkit doctor`: diagnose this installation; `cnnkit doctor MODEL`: which runtimes load it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import JsonOption, file_argument, file_option
from cnnkit.cli.output import emit_json, stdout
from cnnkit.errors import InputError, VerdictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnkit.doctor.environment import Diagnosis


def doctor(
    model: Annotated[Path | None, file_argument(help="An exported file, or any ONNX file.")] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rewrite an ONNX file so that more runtimes load it.")
    ] = False,
    opset: Annotated[int, typer.Option(help="With --fix: convert newer opsets to this one.")] = 17,
    output: Annotated[
        Path | None,
        file_option("--output", "-o", help="With --fix: default is MODEL's name with .fixed."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Of the images, for a model that leaves it free."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Diagnose this machine and installation, or show which runtimes load a model.

    Without MODEL: versions, CPU, cores, kernels, data, and what each missing extra is for. Exits
    with 3 if the installation is broken.

    With MODEL: every known runtime, *tested* with the file, *inferred* from the file and a table,
    or *not tried* if inputs cannot be made up for it. Exits with 1 if a tested runtime fails or has
    wrong outputs. --fix embeds external data and lowers opset and IR version; the new file is kept
    only if its outputs equal the original's.
    """
    if model is None:
        if fix:
            raise InputError("--fix", "needs a model", "name an ONNX file")
        show_machine(json)
        return
    from cnnkit.doctor.made_up_inputs import parse_size

    sides = parse_size(size) if size else None
    if fix:
        fix_model(model, opset, output, sides, json)
    else:
        show_runtimes(model, sides, json)


def show_runtimes(model: Path, size: tuple[int, int] | None, json: bool) -> None:
    """Print a line for every runtime."""
    from cnnkit.doctor.compatibility import check_compatibility

    results = check_compatibility(model, size)
    failed = [result.runtime for result in results if result.loads is False]
    if json:
        hosts = [result.to_json() for result in results]
        emit_json("doctor", {"model": str(model), "hosts": hosts})
    else:
        marks = {True: "✓", False: "✗", None: "?"}
        for r in results:
            line = f"{marks[r.loads]} {r.runtime}  [{r.basis}]  {r.reason}"
            stdout().print(line, soft_wrap=True)
    if failed:
        raise VerdictError(
            model,
            f"does not load or gives wrong outputs in {', '.join(failed)}",
            "export it again; if it is an ONNX file that loads elsewhere, try --fix",
        )


def fix_model(
    model: Path, opset: int, output: Path | None, size: tuple[int, int] | None, json: bool
) -> None:
    """Rewrite an ONNX file and print what changed."""
    from cnnkit.doctor.onnx_rewrite import fix
    from cnnkit.system.files import sha256, write_bytes

    target = output or model.with_suffix(f".fixed{model.suffix}")
    fixed = fix(model, opset, size)
    if fixed.changes:
        write_bytes(target, fixed.content)
    if json:
        facts = {"model": str(model), "changes": fixed.changes, "difference": fixed.difference}
        written = {"output": str(target), "sha256": sha256(fixed.content)} if fixed.changes else {}
        emit_json("doctor", {**facts, **written})
    elif fixed.changes:
        text = f"{target}: {', '.join(fixed.changes)}; outputs differ by {fixed.difference:.1e}"
        stdout().print(text, soft_wrap=True)
    else:
        stdout().print(f"{model}: nothing to change", soft_wrap=True)


def show_machine(json: bool) -> None:
    """Print the diagnosis of this machine and this installation."""
    from cnnkit.doctor.environment import examine

    found = examine()
    if json:
        emit_json("doctor", found.to_json())
    else:
        console = stdout()
        for title, text in lines(found):
            console.print(f"{title:<14}{text}", soft_wrap=True)
    found.check()


def lines(found: Diagnosis) -> Iterator[tuple[str, str]]:
    """Yield title and text of every line."""
    yield "versions", ", ".join(f"{k} {v or 'MISSING'}" for k, v in found.versions.items())
    yield "system", found.system
    yield "CPU", found.cpu
    yield "", " ".join(found.features) or "the operating system does not report its features"
    yield "kernels", kernels_text(found)
    yield "cores", cores_text(found.cores)
    yield "C++ compiler", found.compiler or "none: torch.compile, and builds from source, need one"
    for extra in found.extras:
        installed = ", ".join(f"{k} {v}" for k, v in extra.installed.items() if v)
        yield (
            f"[{extra.name}]",
            f"complete: {installed}" if extra.complete else f"not installed: {extra.unlocks}",
        )
        if not extra.complete:
            yield "", f"install it with: {extra.command}"
    for name, cache in found.data.items():
        state = f"{len(cache['files'])} files" if cache["files"] else "not downloaded yet"
        yield name, f"{cache['folder']} ({state})"
    yield "runs", f"{found.runs['folder']} (newest: {found.runs['newest'] or 'none yet'})"


def kernels_text(found: Diagnosis) -> str:
    """Describe the instruction set in use."""
    kernels = found.kernels
    if kernels.problem:
        return kernels.problem
    why = f"forced by CNNKIT_ISA={kernels.forced}" if kernels.forced else "the best available"
    return f"{kernels.isa}, {why}; this machine can run: {', '.join(kernels.available)}"


def cores_text(cores: dict[str, Any]) -> str:
    """Describe the cores of the machine and those that this process may use."""
    text = f"{cores['usable']} of {cores['present']} usable by this process"
    return text if cores["quota"] is None else f"{text}; control-group quota {cores['quota']:g}"
