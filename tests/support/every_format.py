"""Networks in every format, loaded, exported and verified: a JSON line for each, for people.

`python tests/support/every_format.py rows.jsonl resnet8 torchvision:alexnet --seeds 0 1 2`: names
of `cnnkit bench --suite zoo`, all nine where none is given. A line that is there is not made again.
"load" runs a file of another tool in cnnkit's engine against the float64 reference.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import cnnkit
from cnnkit.bench.workloads.zoo import ZOO, zoo_network
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import CnnkitError
from cnnkit.export import export
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.convnet import LOGITS
from cnnkit.graph.convnet_match import image_size
from cnnkit.graph.passes.rewriting import drop_unused
from cnnkit.models.network import Network
from cnnkit.models.read import read_model
from cnnkit.models.said import Said
from cnnkit.verify.reference import of_graph
from support.in_process import in_process

FORMS = ("load", "onnx", "c", "torchscript", "pt2")


def network(name: str, seed: int, side: int | None, folder: Path) -> Network:
    """Return a network of the zoo, as a file of another tool, or one of torchvision."""
    if name not in ZOO:
        import torch

        torch.manual_seed(seed)
        return read_model(name, Said(size=(3, side or 64, side or 64)))
    path = folder / f"{name}-{seed}.foreign.onnx"
    graph = zoo_network(name, seed)
    if side is not None:
        (input,) = graph.inputs
        channels = image_size(graph)[0]
        size = replace(graph.inputs[input], shape=("N", channels, side, side))
        graph = replace(graph, inputs={input: size})
    graph = drop_unused(replace(graph, outputs=(LOGITS,)))
    path.write_bytes(to_model(graph, 18).SerializeToString(deterministic=True))
    return read_model(str(path))


def row(net: Network, form: str, path: Path) -> dict[str, Any]:
    """Return what became of a network in a format, whose file it leaves at `path`."""
    images = drawn_images(net.weights.size, 5 if net.weights.size[1] > 100 else 16)
    start = time.monotonic()
    if form == "load":
        export(net, path, "onnx", data=images)
        reference = of_graph(net.weights, images)
        found = cnnkit.load(path)(images).logits
        error = float(np.abs(found - reference.logits).max())
        largest = float(np.abs(reference.logits).max())
        return {"ok": error <= 1e-5 * largest, "error": error / largest}
    report = export(net, path, form, data=images)
    agreement = report.agreement
    return {
        "ok": report.passed,
        "error": agreement.logit_error / agreement.largest_logit,
        "disagreements": len(agreement.disagreements),
        "bytes": path.stat().st_size,
        "seconds": round(time.monotonic() - start, 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--formats", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--side", type=int, help="of the images, where it is not the network's own")
    given = parser.parse_args(arguments)
    lines = given.rows.read_text().splitlines() if given.rows.exists() else []
    keys = ("net", "seed", "format", "side")
    kept = given.rows.with_suffix("")
    kept.mkdir(exist_ok=True)
    done = {tuple(json.loads(line)[key] for key in keys) for line in lines}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        in_process(patch, "isolated")
        for seed in given.seeds:
            for name in given.names or ZOO:
                for form in given.formats:
                    found: dict[str, Any] = dict(
                        zip(keys, (name, seed, form, given.side), strict=True)
                    )
                    if tuple(found.values()) in done:
                        continue
                    try:
                        net = network(name, seed, given.side, Path(folder))
                        suffix = FORMATS["onnx" if form == "load" else form].suffix
                        stem = name.replace(":", ".")
                        found |= row(net, form, kept / f"{stem}{suffix}")
                    except CnnkitError as error:
                        found |= {"ok": False, "why": str(error)[:600]}
                    with given.rows.open("a") as file:
                        file.write(json.dumps(found) + "\n")
                    print(json.dumps(found))


if __name__ == "__main__":
    main()
