"""C99: `write_c(weights, options)` returns a source and a header that need no other file.

A C file is a program, so cnnkit never compiles one that it does not know: it is what this version
writes for the weights, metadata and golden vectors in it, byte for byte, or it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, VerdictError
from cnnkit.formats import contract
from cnnkit.formats.c.body import Body
from cnnkit.formats.c.family import family_body
from cnnkit.formats.c.graph_comment import read_graph
from cnnkit.formats.c.integers import integer_body
from cnnkit.formats.c.literals import read_arrays
from cnnkit.formats.c.network import stack_bytes
from cnnkit.formats.c.program import program_body
from cnnkit.formats.c.texts import EXPORT, flash_bytes, header_text, prefix, source_text
from cnnkit.formats.contract import HELD, check_held, check_metadata
from cnnkit.formats.description import describe
from cnnkit.formats.golden import COUNT, KEY, Golden
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import described, digest, integers_of
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import build, with_contract
from cnnkit.graph.normalisation import normalise
from cnnkit.graph.preprocessing import Preprocessing
from cnnkit.graph.program import prepare
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes

METADATA = re.compile(r"^/\* metadata: (\{.*?^\}) \*/$", re.MULTILINE | re.DOTALL)
STATED_EXPORT = re.compile(rb"_EXPORT (?:!= )?(0x[0-9a-f]{8})\b")
STEM = re.compile(r"[\w+-][\w+. -]*", re.ASCII)
IN_SOURCE = [f"{KEY}{name}" for name in ("images", "labels", "logits", "probabilities")]
MOST_STACK = 4 << 20  # bytes; main threads have 8 MB on Linux and macOS


@dataclass(frozen=True)
class Source:
    """A source and its header, read and known to be ours.

    Attributes:
        path: the source; the header lies beside it.
        files: what both hold, by suffix.
        metadata: JSON values.
        weights: the network in it.
    """

    path: Path
    files: dict[str, bytes]
    metadata: dict[str, Any]
    weights: Weights

    @property
    def name(self) -> str:
        """What its functions' names begin with."""
        return prefix(self.path.stem)


def write_c(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a C99 source and its header, which the source includes by its name.

    Raises:
        InputError: no kernel computes some of the network's nodes, the name is not one that an
            #include can hold, or the network needs more stack than programs have.
        VerdictError: it needs more memory than the options allow.
    """
    held = as_held(weights)
    if weights.plain.is_family:  # known before its parameters are made text
        _check_stack(stack_bytes(weights.plain.architecture), f"{options.stem}.c")
    metadata = describe(weights, options)
    if held is not weights:
        metadata[HELD] = held.sha256
    _check_budget(_body(metadata, held, f"{options.stem}.c"), metadata, options)
    return _write(metadata, held, options.stem)


def write_c_int8(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a C99 source of a quantised network and its header; of one in 8 bits as it is.

    Its logits are, to the bit, those that ONNX Runtime gives for the format onnx-int8.

    Raises:
        InputError: as `write_c`, or nothing of the network can be quantised.
        VerdictError: it needs more memory than the options allow.
    """
    if options.keep_float:
        raise InputError(
            f"--keep-float {options.keep_float[0]}",
            "leaves a layer in float, and this format has none",
            "leave it out, or use the format onnx-int8",
        )
    integers, stated = integers_of(weights, options)
    held = Weights(integers, weights.metadata)
    about = stated | {"tensors_sha256": digest(held.graph.tensors)}
    metadata = {**described(weights, integers, options), contract.QUANTISATION: about}
    metadata = json.loads(json.dumps(metadata))  # as a reader will see them
    _check_budget(_body(metadata, held, f"{options.stem}.c"), metadata, options)
    files = _write(metadata, held, options.stem)
    return {".int8.c": files[".c"], ".h": files[".h"]}


def _check_budget(body: Body, metadata: Mapping[str, Any], options: Options) -> None:
    """Raise VerdictError if a network needs more memory than the user allows."""
    flash = flash_bytes(body, metadata["names"])
    for option, most, needed, what, details in (
        ("--ram", options.ram, body.ram_bytes, "bytes during a call", body.largest),
        ("--flash", options.flash, flash, "bytes of constants, without the code", ()),
    ):
        if most is not None and needed > most:
            raise VerdictError(
                f"{options.stem}.c",
                f"would need {needed:,} {what}; {option} allows {most:,}",
                "allow more, or train a network with fewer channels or smaller images",
                details,
            )


def body_of(weights: Weights) -> Body:
    """Return the code of a network.

    Raises:
        InputError: no kernel computes some of its nodes, which are named.
    """
    held = as_held(weights)
    if held is weights:
        return family_body(weights)
    return program_body(held.graph, "the network")


def as_held(weights: Weights) -> Weights:
    """Return a network as a C file holds it: one of the family as it is, another one prepared.

    A file of the family tells no names. Where another tool's names are part of a network's
    identity, because it normalises pixels, the file holds the network with cnnkit's own.
    """
    try:
        architecture, tensors = weights.plain.convnet
    except InputError:
        return replace(weights, graph=prepare(with_contract(weights.graph, "uint8")))
    if weights.normalisation is None:
        return weights
    own = normalise(build(architecture, tensors), *weights.normalisation.numbers)
    held = replace(weights, graph=own)
    return weights if held.sha256 == weights.sha256 else held


def _body(metadata: Mapping[str, Any], weights: Weights, source: object) -> Body:
    """Return the code of a network as `as_held` has it; metadata say whether it is of the family.

    A prepared graph may be of the family where the network itself is not.
    """
    if contract.quantisation(metadata):
        vectors = Golden.from_json(metadata, weights.size, weights.classes)
        return integer_body(weights.graph, source, vectors.images if vectors else None)
    of_family = "cnnkit.architecture" in metadata
    body = family_body(weights) if of_family else program_body(weights.graph, source)
    _check_stack(body.stack_bytes, source)
    return body


def _check_stack(needed: int, source: object) -> None:
    if needed > MOST_STACK:
        raise InputError(
            source,
            f"would need {needed:,} bytes of stack, and programs have about {2 * MOST_STACK:,}",
            "choose another format, such as onnx, or train a network with smaller feature maps",
        )


def read_c(path: Path) -> Source:
    """Read a C source of ours and the header beside it; neither is compiled.

    Raises:
        StorageError: one of the files cannot be read.
        InputError: they are not what this version of cnnkit writes for what they hold.
    """
    found = _parsed(path, read_bytes(path), _read_header(path))
    return replace(found, files=dict(found.files), metadata=dict(found.metadata))


@lru_cache(maxsize=1)  # detection, checks and runtimes all read it
def _parsed(path: Path, source: bytes, header: bytes) -> Source:
    form = "c-int8" if contract.QUANTISATION.encode() in header else "c"
    again = f"export it again with `cnnkit export --format {form}`"
    files = {".c": source, ".h": header}
    if b"\n/* metadata: {" in source:
        raise InputError(
            path, "is the header of a model", f"name the source beside it, {path.stem}.c"
        )
    stated = [STATED_EXPORT.search(content) for content in files.values()]
    if all(stated) and len({found[1] for found in stated if found}) > 1:
        raise InputError(
            path,
            f"is of another export than {path.stem}.h beside it",
            "use the two files of one export, or " + again,
        )
    texts = _read_metadata(path, files[".h"], again)
    try:
        arrays = read_arrays(files[".c"].decode("ascii"))
        texts |= contract.encode(_golden_values(arrays))
    except (ValueError, KeyError) as error:
        missing = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise InputError(path, f"is damaged ({missing})", again) from error
    metadata = contract.decode(path, texts, "a C file")
    weights = _read_weights(path, metadata, files[".c"].decode("ascii"), arrays, again)
    check_metadata(path, metadata, weights.classes)
    in_8_bits = bool(contract.quantisation(metadata))
    held = digest(weights.graph.tensors) if in_8_bits else weights.sha256
    check_held(path, metadata, held, again)
    if _write(metadata, weights, path.stem) != files:
        raise InputError(
            path,
            "is not what this version of cnnkit writes for the weights in it: damaged, edited, "
            f"or written by another version ({metadata.get('version')})",
            again,
        )
    return Source(path, files, metadata, weights)


def _read_weights(
    path: Path,
    metadata: dict[str, Any],
    text: str,
    arrays: Mapping[str, NDArray[Any]],
    again: str,
) -> Weights:
    """Return the network in a source: of the family by its architecture, else by its graph."""
    if "cnnkit.architecture" not in metadata or contract.quantisation(metadata):
        try:
            graph = read_graph(text, arrays, path)
        except InputError as error:
            reason = f"{error.subject}: {error.reason}".removeprefix(f"{path}: ")
            raise InputError(path, f"has a damaged graph ({reason})", again) from error
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise InputError(path, f"has a damaged graph ({error!r})", again) from error
        except RecursionError as error:
            raise InputError(path, "has a damaged graph", again) from error
        if graph is None:
            raise InputError(path, "says nothing of its network", again)
        return Weights(graph, metadata)
    architecture = Architecture.from_json(metadata["cnnkit.architecture"], path)
    tensors = {}
    for name, shape in architecture.parameter_shapes().items():
        values = arrays.get(name.replace(".", "_"), np.empty(0, np.float32))
        if values.dtype != np.float32 or values.size != np.prod(shape, dtype=np.int64):
            raise InputError(path, f"holds no parameter {name} of {list(shape)}", again)
        tensors[name] = values.reshape(shape)
    weights = Weights.of(architecture, tensors, metadata)
    if not contract.normalises(metadata):
        return weights
    record = Preprocessing.of(architecture.input).with_statistics(metadata["cnnkit.preprocessing"])
    return replace(weights, graph=normalise(weights.graph, record.mean, record.std))


def _read_metadata(path: Path, header: bytes, again: str) -> dict[str, str]:
    """Return the metadata texts in a header of ours, without what the source holds."""
    found = METADATA.search(header.decode("ascii", "replace"))
    try:
        values = json.loads(found[1]) if found else {}
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"has damaged metadata ({error})", again) from error
    return contract.encode(values)


def _write(metadata: Mapping[str, Any], weights: Weights, stem: str) -> dict[str, bytes]:
    if not STEM.fullmatch(stem):
        raise InputError(
            f"{stem}.c",
            "has a name that not every compiler can include",
            "use letters, digits, '_', '-', '+' and '.'",
        )
    vectors = Golden.from_json(metadata, weights.size, weights.classes)
    assert vectors  # both callers have them
    values = {key: value for key, value in metadata.items() if key not in IN_SOURCE}
    body = _body(metadata, weights, f"{stem}.c")
    texts = {
        ".c": source_text(weights, body, metadata, vectors, stem),
        ".h": header_text(weights, body, values, stem),
    }
    files = {suffix: text.encode("ascii") for suffix, text in texts.items()}
    export = hashlib.sha256()
    for content in files.values():
        export.update(content)
    stated = export.hexdigest()[:8].encode()
    return {suffix: text.replace(EXPORT.encode(), stated, 1) for suffix, text in files.items()}


def _read_header(path: Path) -> bytes:
    header = path.with_suffix(".h")
    if not header.exists():
        raise InputError(path, f"has no {header.name} beside it", "keep the two files together")
    return read_bytes(header)


def _golden_values(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the golden vectors among the arrays as metadata values."""
    found = Golden(
        arrays["golden_images"].astype(np.uint8),
        arrays["golden_labels"],
        arrays["golden_logits"].reshape(COUNT, -1),
        arrays["golden_probabilities"].reshape(COUNT, -1),
        0.0,  # the header has it
    )
    values = found.to_json()
    return {key: values[key] for key in IN_SOURCE}
