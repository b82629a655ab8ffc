"""Ways to damage an export, by format and name: `DAMAGES["onnx"]["swapped outputs"](content)`."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Damage = Callable[[bytes], bytes]


def edit_onnx(edit: Callable[[onnx.ModelProto], None]) -> Damage:
    """Return a damage that edits an ONNX model in memory."""

    def damage(content: bytes) -> bytes:
        model = onnx.load_from_string(content)
        edit(model)
        return bytes(model.SerializeToString())

    return damage


def edit_archive(name: str, edit: Callable[[bytes], bytes]) -> Damage:
    """Return a damage that edits one part of a zip archive, with right checksums."""

    def damage(content: bytes) -> bytes:
        result = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
            for part in old.namelist():
                before = old.read(part)
                after = edit(before) if part == name else before
                assert part != name or after != before
                new.writestr(zipfile.ZipInfo(part), after)
        return result.getvalue()

    return damage


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def flip_weight(model: onnx.ModelProto) -> None:
    tensor = initializer(model, "convs.1.weight")
    tensor.raw_data = flip_bit(tensor.raw_data, 8 * 400 + 7)


def flip_low_bit(model: onnx.ModelProto) -> None:
    """Change a weight by one unit in the last place: no answer shows it."""
    tensor = initializer(model, "linear.weight")
    tensor.raw_data = flip_bit(tensor.raw_data, 0)


def swap_outputs(model: onnx.ModelProto) -> None:
    swap = {"logits": "probabilities", "probabilities": "logits"}
    for node in model.graph.node:
        node.input[:] = [swap.get(name, name) for name in node.input]
        node.output[:] = [swap.get(name, name) for name in node.output]


def forget_scaling(model: onnx.ModelProto) -> None:
    tensor = initializer(model, "pixel_scale")
    tensor.raw_data = numpy_helper.from_array(numpy_helper.to_array(tensor) * 255).raw_data


def freeze_batch(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def last_axis(model: onnx.ModelProto) -> None:
    """Take softmax over the images instead of the classes."""
    node = next(node for node in model.graph.node if node.op_type == "Softmax")
    node.attribute[0].i = 0


def smallest(model: onnx.ModelProto) -> None:
    next(node for node in model.graph.node if node.op_type == "ArgMax").op_type = "ArgMin"


def later_version(model: onnx.ModelProto) -> None:
    entry = next(entry for entry in model.metadata_props if entry.key == "version")
    entry.value = '"99.9"'


def rename_class(model: onnx.ModelProto) -> None:
    for pair in model.metadata_props:
        if pair.key == "names":
            pair.value = pair.value.replace('"7"', '"1"')


def without_golden(model: onnx.ModelProto) -> None:
    kept = [p for p in model.metadata_props if not p.key.startswith("cnnkit.golden.")]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)


def edit_golden(key: str, edit: Callable[[Any], Any]) -> Damage:
    """Return a damage that changes one value of the golden vectors in an ONNX file."""

    def change(model: onnx.ModelProto) -> None:
        pair = next(p for p in model.metadata_props if p.key == f"cnnkit.golden.{key}")
        pair.value = json.dumps(edit(json.loads(pair.value)))

    return edit_onnx(change)


def note_source(model: onnx.ModelProto) -> None:
    model.graph.node[0].doc_string = "model.py, line 12"


def demand_private_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def flip_bit(content: bytes, bit: int) -> bytes:
    """Return `content` with one bit the other way round."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def change_initializer(name: str, edit: Callable[[Any], Any]) -> Damage:
    """Return a damage that changes one tensor of an ONNX file, given as an array."""

    def change(model: onnx.ModelProto) -> None:
        tensor = initializer(model, name)
        before = numpy_helper.to_array(tensor)
        after = np.asarray(edit(before), before.dtype).reshape(before.shape)
        tensor.CopyFrom(numpy_helper.from_array(after, name))

    return edit_onnx(change)


def edit_code(old: bytes, new: bytes) -> Damage:
    return edit_archive("archive/code/__torch__.py", lambda code: code.replace(old, new))


def edit_source(old: bytes, new: bytes | Callable[[re.Match[bytes]], bytes]) -> Damage:
    """Return a damage that replaces the first match of a regular expression in a C file."""

    def damage(content: bytes) -> bytes:
        changed, count = re.subn(old, new, content, count=1)
        assert count == 1
        return changed

    return damage


DAMAGES: dict[str, dict[str, Damage]] = {
    "onnx": {
        "a flipped weight": edit_onnx(flip_weight),
        "a weight's last bit": edit_onnx(flip_low_bit),
        "swapped outputs": edit_onnx(swap_outputs),
        "missing scaling": edit_onnx(forget_scaling),
        "a frozen batch axis": edit_onnx(freeze_batch),
        "softmax over the batch": edit_onnx(last_axis),
        "the smallest logit as label": edit_onnx(smallest),
        "another class name": edit_onnx(rename_class),
        "a later version": edit_onnx(later_version),
        "source lines": edit_onnx(note_source),
        "no golden vectors": edit_onnx(without_golden),
        "another golden label": edit_golden("labels", lambda x: [(x[0] + 1) % 10, *x[1:]]),
        "another golden logit": edit_golden("logits", lambda x: [[9.0, *x[0][1:]], *x[1:]]),
        "another golden image": edit_golden("images", lambda x: f"AAEC{x[4:]}"),
        "a golden tolerance that lets all pass": edit_golden("tolerance", lambda x: 1e9),
        "golden images that are cut off": edit_golden("images", lambda x: x[:-4]),
        "golden labels that are no list": edit_golden("labels", lambda x: None),
    },
    "onnx-int8": {
        "a flipped weight": change_initializer("relu1.weight.quantised", lambda w: w ^ 64),
        "a weight's last bit": change_initializer("logits.weight.quantised", lambda w: w ^ 1),
        "another weight scale": change_initializer("logits.weight.scale", lambda s: s * 1.0001),
        "another activation scale": change_initializer("relu1.scale", lambda s: s * 1.0001),
        "another zero point": change_initializer("relu1.zero_point", lambda z: z + 3),
        "swapped outputs": edit_onnx(swap_outputs),
        "missing scaling": edit_onnx(forget_scaling),
        "another class name": edit_onnx(rename_class),
        "no golden vectors": edit_onnx(without_golden),
    },
    "pt2": {
        "a flipped weight": edit_archive(
            "archive/data/weights/weight_2", lambda x: flip_bit(x, 407)
        ),
        "swapped outputs": edit_archive(
            "archive/models/model.json",
            lambda text: text.replace(
                rb"[\\\"logits\\\", \\\"probabilities\\\"",
                rb"[\\\"probabilities\\\", \\\"logits\\\"",
            ),
        ),
        "missing scaling": edit_archive(
            "archive/models/model.json", lambda text: text.replace(b"0.00392156862745098", b"1.0")
        ),
        "softmax over the batch": edit_archive(
            "archive/models/model.json",
            lambda text: re.sub(rb'(softmax\.int".*?"as_int":)1', rb"\g<1>0", text, count=1),
        ),
        "another class name": edit_archive(
            "archive/extra/metadata.json", lambda text: text.replace(b'\\"7\\"', b'\\"1\\"')
        ),
    },
    "torchscript": {
        "a flipped weight": edit_archive("archive/data/2", lambda data: flip_bit(data, 407)),
        "swapped outputs": edit_code(
            b"(logits, torch.softmax(logits, 1)", b"(torch.softmax(logits, 1), logits"
        ),
        "missing scaling": edit_code(b"pixel_scale = self.pixel_scale", b"pixel_scale = 1."),
        "a frozen batch axis": edit_code(b"torch.flatten(x1, 1)", b"torch.reshape(x1, [1, 196])"),
        "softmax over the batch": edit_code(
            b"torch.softmax(logits, 1)", b"torch.softmax(logits, 0)"
        ),
        "the smallest logit as label": edit_code(b"argmax", b"argmin"),
        "another class name": edit_archive(
            "archive/extra/metadata.json", lambda text: text.replace(b'\\"7\\"', b'\\"1\\"')
        ),
    },
    "c-int8": {
        "a flipped weight": edit_source(rb"(int8_t weight\d+\[\d+\] = \{\s*)-?\d+", rb"\g<1>77"),
        "another factor": edit_source(rb"(float factor\d+\[\d+\] = \{\s*)0x1", rb"\g<1>-0x1"),
        "another bias": edit_source(rb"(int32_t bias\d+\[\d+\] = \{\s*)-?\d+", rb"\g<1>77777"),
        "another constant": edit_source(rb"12582912\.0f", b"12582911.0f"),
        "another graph": edit_source(rb'"relu0.scale":\[', rb'"relu0.scale":[0.'),
        "a call of another function": edit_source(rb"expf\(x\)", b"abort()"),
        "another class name": edit_source(rb'    "7"', b'    "1"'),
    },
    "c": {
        "a flipped weight": edit_source(
            rb"(convs_1_weight\[576\] = \{\s*)-?0x1\.\w+p", rb"\g<1>0x1.5p"
        ),
        "another constant": edit_source(rb"x\[65 \+ q\]", b"x[64 + q]"),
        "missing scaling": edit_source(rb"0x1.010102p-8f", b"0x1p0f"),
        "a call of another function": edit_source(rb"expf\(x\)", b"abort()"),
        "another golden label": edit_source(
            rb"(?<=golden_labels\[16\] = \{\n    )\d",
            lambda label: b"%d" % ((int(label[0]) + 1) % 10),
        ),
        "another class name": edit_source(rb'    "7"', b'    "1"'),
    },
}
