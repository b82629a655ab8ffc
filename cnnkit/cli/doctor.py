"""`cnnkit doctor`: diagnose this installation; `cnnkit doctor MODEL`: which runtimes load it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.defaults import find_defaults
from cnnkit.cli.options import (
    DataOption,
    DatasetOption,
    JsonOption,
    NamesOption,
    ParametersOption,
    PreprocessOption,
    file_option,
)
from cnnkit.cli.output import emit_json, in_columns, stderr, stdout
from cnnkit.errors import InputError, VerdictError
from cnnkit.system.terminal import working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnkit.doctor.contents import Contents
    from cnnkit.doctor.environment import Diagnosis
    from cnnkit.models.said import Said
    from cnnkit.system.packages import Extra


OF_A_MODEL = (
    *("--fix", "--output", "--size", "--weights", "--preprocess", "--names", "--plot"),
    *("--dataset", "--data"),
)


def doctor(
    model: Annotated[
        str | None,
        typer.Argument(
            help="An exported file, a run, any ONNX file, a torch.export program, or a PyTorch "
            "module: package.module:factory, torchvision:NAME or timm:NAME."
        ),
    ] = None,
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
        typer.Option(
            metavar="HxW", help="Of the images, for a model that leaves it free; CxHxW of a module."
        ),
    ] = None,
    parameters: ParametersOption = None,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    plot: Annotated[
        Path | None,
        file_option("--plot", help="Draw the memory of a C program over time: .png or .svg."),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Diagnose this machine and installation, or show what is in a model and what loads it.

    Without MODEL: versions, CPU, cores, kernels, data, and what each missing extra is for. Exits
    with 3 if the installation is broken.

    With MODEL: its operators, multiply-adds (MACC) and parameters; layer by layer what it needs as
    C, and where its memory peaks; which formats hold it; and every known runtime, *tested* with the
    file, *inferred* from the file and a table, or *not tried* if inputs cannot be made up for it.
    Exits with 1 if a tested runtime fails or has wrong outputs. With --data or --dataset also the
    network in float32 and in 8 bits side by side: size, memory, accuracy and time. --fix embeds
    external data and lowers opset and IR version; the new file is kept only if its outputs equal
    the original's.
    """
    if model is None:
        options = (fix, output, size, parameters, preprocess, names, plot, dataset, data)
        for option, given in zip(OF_A_MODEL, options, strict=True):
            if given:
                raise InputError(option, "needs a model", "name one: cnnkit doctor MODEL")
        show_machine(json)
        return
    from cnnkit.doctor.contents import is_module
    from cnnkit.doctor.made_up_inputs import parse_size
    from cnnkit.models.said import Said, parse_image_size

    said = Said(parameters, preprocess, names)
    if is_module(model):  # there is no file for a runtime to load
        said = replace(said, size=parse_image_size(size) if size else None)
        contents = show_contents(model, plot, json, said)
        both = show_both(model, said, dataset, data, json)
        if json and contents is not None:
            inside = {"contents": contents.to_json(), **both}
            emit_json("doctor", {"model": model, **inside, "hosts": []})
        return
    file, sides = Path(model), parse_size(size) if size else None
    if output is not None and not fix:
        raise InputError("--output", "is for the file that --fix writes", "add --fix")
    if fix:
        fix_model(file, opset, output, sides, json)
    else:
        contents = show_contents(model, plot, json, said)
        inside = {"contents": contents.to_json() if contents else None}
        both = show_both(model, said, dataset, data, json)
        show_runtimes(file, sides, json, {**inside, **both})


def show_contents(model: str, plot: Path | None, json: bool, said: Said) -> Contents | None:
    """Print what is in a model; None if it is a file that cnnkit cannot read as a network."""
    from cnnkit.doctor.contents import examine_model, is_module
    from cnnkit.models.said import OPTIONS

    try:
        with working(stderr(json), "reading the model"):
            contents = examine_model(model, said)
    except InputError as error:
        if plot is not None or is_module(model) or error.subject in OPTIONS.values():
            raise
        if not json:
            console = stdout()
            console.print(f"contents unknown: {error.subject} {error.reason}", soft_wrap=True)
            for detail in error.details:
                console.print(f"  {detail}", markup=False, soft_wrap=True)
        return None
    if plot is not None:
        from cnnkit.doctor.plan_picture import draw_plan

        if contents.program is None:
            reason = (
                contents.formats["c"][1] or "its blocks of convolution and pool share the stack"
            )
            raise InputError(model, f"has no plan of an arena as C ({reason})", "omit --plot")
        draw_plan(contents.program, plot)
    if not json:
        print_contents(contents)
    return contents


def print_contents(contents: Contents) -> None:
    """Print a model's operators, its layers as C, and the formats that hold it."""
    console = stdout()
    rows = [["operator", "nodes", "MACC", "parameters"]]
    rows += [[name, *(f"{value:,}" for value in more)] for name, *more in contents.operators()]
    totals = [sum(c.macc for c in contents.nodes), sum(c.parameters for c in contents.nodes)]
    rows.append(["all", *(f"{total:,}" for total in (len(contents.nodes), *totals))])
    for line in in_columns(rows, "lrrr"):
        console.print(line, markup=False, soft_wrap=True)
    if contents.layers:
        header = ("layer as C", "output", "MACC", "weights", "RAM", "")
        most = max(layer.ram_bytes for layer in contents.layers)
        layers = [
            (
                layer.node.split(" ", 1)[-1][:26],
                "x".join(map(str, layer.shape)),
                f"{layer.macc:,}",
                f"{layer.weight_bytes:,}",
                f"{layer.ram_bytes:,}",
                "#" * round(12 * layer.ram_bytes / most),
            )
            for layer in contents.layers
        ]
        for line in ["", *in_columns([header, *layers], "llrrrl"), ""]:
            console.print(line, markup=False, soft_wrap=True)
    if contents.ram_bytes:
        needs = f"{contents.ram_bytes:,} bytes of RAM, {contents.flash_bytes:,} of constants"
        console.print(f"as C: {needs}", soft_wrap=True)
    for name, (holds, reason) in contents.formats.items():
        mark = "✓" if holds else "✗"
        console.print(f"{mark} --format {name}  {reason}".rstrip(), markup=False, soft_wrap=True)


def show_both(
    model: str, said: Said, dataset: str | None, data: Path | None, json: bool
) -> dict[str, Any]:
    """Print a model in float32 and in 8 bits, and return that for a document; {} without data."""
    if dataset is None and data is None:
        return {}
    from cnnkit.cli.verify import show_precisions
    from cnnkit.doctor.precisions import precisions

    with working(stderr(json), "comparing float32 and 8 bits"):
        found = precisions(model, said, dataset, data, quiet=True)
    rows = {name: asdict(row) for name, row in found.items()}
    if not json:
        show_precisions(rows, stdout())
    return {"precisions": rows}


def show_runtimes(
    model: Path, size: tuple[int, int] | None, json: bool, inside: dict[str, Any]
) -> None:
    """Print a line for every runtime; `inside` is what a document says of the model beside."""
    from cnnkit.doctor.compatibility import check_compatibility
    from cnnkit.runs.find import find_weights

    with working(stderr(json), "trying every runtime that is here"):
        results = check_compatibility(find_weights(model), size)
    failed = [result.runtime for result in results if result.loads is False]
    if json:
        hosts = [result.to_json() for result in results]
        emit_json("doctor", {"model": str(model), **inside, "hosts": hosts})
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
            console.print(f"{title:<16}{text}", soft_wrap=True)
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
        yield f"[{extra.name}]", extra_text(extra)
        if not extra.complete:
            yield "", f"install it with `{extra.command}`"
    for name, cache in found.data.items():
        state = f"{len(cache['files'])} files" if cache["files"] else "not downloaded yet"
        yield name, f"{cache['folder']} ({state})"
    defaults = find_defaults()
    yield "defaults", str(defaults.path) if defaults else "none: no cnnkit.toml, no [tool.cnnkit]"
    yield "runs", f"{found.runs['folder']} (newest: {found.runs['newest'] or 'none yet'})"


def extra_text(extra: Extra) -> str:
    """Return what is there of an extra, or what is missing and what the extra is for."""
    if extra.complete:
        return "complete: " + ", ".join(f"{k} {v}" for k, v in extra.installed.items())
    return f"{', '.join(extra.missing)} not installed; for {extra.unlocks}"


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
