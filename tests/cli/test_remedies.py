"""Every remedy that the command line prints leads to success, not to the next refusal."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from support.in_process import in_process
from support.small_onnx import node, save

from cnnkit.data.dataset import Dataset
from cnnkit.data.idx import write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import FILES
from cnnkit.formats.c.source import write_c
from cnnkit.formats.checkpoint import read_weights, write_weights
from cnnkit.formats.options import Options
from cnnkit.sweep.run import SweepConfig, sweep
from cnnkit.train.loop import TrainingInterruptedError
from cnnkit.train.trainer import TrainConfig, train

Cli = Callable[..., Any]

# What goes wrong; what its remedy says; a command that follows it, or = if the remedy is one. The
# commands run in a copy of `scene`.
SHORT = {
    "TRAIN": "train --data data --epochs 1",
    "SWEEP": "sweep --name s --data data --epochs 1 --lr 0.001",
}
TABLE = """
TRAIN --patience 2 -o a
    add --val-split 0.1
    TRAIN --patience 2 --val-split 0.1 -o a
TRAIN --channels x -o b
    give whole numbers, such as 16,4
    TRAIN --channels 16,4 -o b
TRAIN --engine native --device cuda -o c
    leave --device out
    TRAIN --engine native -o c
TRAIN --device cuda -o c2
    use --device cpu
    TRAIN --device cpu -o c2
TRAIN --val-split 0.00001 -o d
    choose another share
    TRAIN --val-split 0.1 -o d
TRAIN --batch-size 0 -o e
    make it 1 or more
    TRAIN --batch-size 1 -o e
TRAIN --pool 30 -o f
    use fewer blocks, a smaller kernel or a smaller pool
    TRAIN --pool 2 -o f
TRAIN --lr 1e30 -o g
    train again with a lower --lr
    TRAIN --lr 1e-3 -o h
TRAIN --lr 1e30 -o g && TRAIN -o g
    choose another --output
    TRAIN -o i
TRAIN -o run
    choose another --output
    TRAIN -o j
TRAIN -o 'a stopped run'
    continue it with `cnnkit train --resume
    =
TRAIN -o notes
    choose another --output
    TRAIN -o k
train --data nowhere -o l
    or four IDX files
    TRAIN -o l
train --data notes -o m
    or four IDX files
    TRAIN -o m
train --resume run --lr 1
    leave out all but --epochs and --data
    train --resume run --epochs 2
train --resume run
    use more --epochs than 1 to extend it
    train --resume run --epochs 2
train --resume run --epochs 2 && train --resume run --epochs 1
    use a larger number
    train --resume run --epochs 3
train --resume run --epochs 5 --data other
    name the place of the run's data with --data
    train --resume run --epochs 5 --data data
train --resume notes
    give a run folder
    train --resume run --epochs 6
TRAIN --epochs 4 --schedule cosine -o n && train --resume n --epochs 9
    train again
    TRAIN --epochs 4 --schedule cosine -o o
sweep --data data --epochs 1 lr 1e-3
    give options with values, as in --lr 0.001
    SWEEP
sweep --data data --lr
    give one or more, separated by commas
    SWEEP
sweep --data data --lr 1e-3 --lr=1e-4 --learning-rate 1
    give all its values at once
    SWEEP
sweep --data data --lr 1e-3;1e-4
    separate numbers by commas
    SWEEP
sweep --data data --lr 1e-3,1e-3
    list each value once
    SWEEP
sweep --data data --lr 1e-3..1e-2
    add --random N
    sweep --name t --data data --epochs 1 --lr 1e-3..1e-2 --random 1
sweep --data data --lr 1e-2..1e-3 --random 1
    LOW..HIGH
    sweep --name t --data data --epochs 1 --lr 1e-3..1e-2 --random 1
sweep --data data --lr 1e-3 --random 2
    make it between 1 and the 1 of the grid
    sweep --name u --data data --epochs 1 --lr 1e-3 --random 1
sweep --data data --lr 1e-3 --name x/y
    give a folder name without a path
    SWEEP
sweep --data data --lr 1e-3 --val-split 0
    leave it out
    SWEEP
sweep --data data --seed 1,2
    use --seeds
    SWEEP --seeds 1
eval
    run `cnnkit train` first, or give a weights file
    eval run/weights.safetensors
eval notes
    give a run folder with a complete epoch, or a weights file
    eval run
eval notes/mine.txt
    use a file from `cnnkit train` or `cnnkit export`
    eval run
eval foreign.onnx
    name the folder of its data with --data
    eval foreign.onnx --data data
eval alone.safetensors
    name the folder of its data with --data
    eval alone.safetensors --data data
eval run --data small
    choose the data that the model was trained for with --dataset or --data
    eval run --data data
eval few.onnx --data data
    choose the data that the model was trained for
    eval run --data data
predict run notes/mine.txt
    save it as PNG
    predict run digit.png
export run --data data -o out
    name a file in it, such as out/net.onnx
    export run -o out/net.onnx
export run --format bmp
    choose one of c, c-int8, onnx
    export run --format c -o net.c
export run --format onnx-int8 --max-drop 2
    use a number from 0 to 1
    export run --format onnx-int8 --max-drop 1 -o v.onnx
export run --format onnx --max-drop 2
    leave it out
    export run --format onnx -o v.onnx
export run --format c --opset 17
    leave it out
    export run --format c -o net.c
export run --format c -o 'a%b.c'
    use letters, digits
    export run --format c -o a_b.c
export run --opset 3
    choose one from 9 to
    export run --opset 9 -o old.onnx
export run --input int8
    use one of uint8, float32, uint8-nhwc
    export run --input uint8 -o w.onnx
export run -o net.onnx && verify net.onnx --data data
    pass them with --weights
    verify net.onnx --weights run
verify edited.c --weights run
    export it again with `cnnkit export --format c`
    export run --format c -o edited.c
embed run --host abacus -o app
    choose one of
    embed run --host python -o app
embed run --host python -o notes
    choose another
    embed run --host python -o app2
doctor --fix
    name one: cnnkit doctor MODEL
    doctor foreign.onnx --fix
doctor --plot memory.png
    name one: cnnkit doctor MODEL
    doctor foreign.onnx
doctor foreign.onnx -o fixed.onnx
    add --fix
    doctor foreign.onnx -o fixed.onnx --fix
runs compare run/weights.safetensors
    give a run folder
    runs compare run
doctor foreign.onnx --size 8
    write height and width, as in 224x320
    doctor foreign.onnx --size 28x28
doctor foreign.onnx --fix --opset 99
    choose one from
    doctor foreign.onnx --fix --opset 17 -o fixed.onnx
"""
LINES = [line.strip() for line in TABLE.strip().splitlines()]
REMEDIES = list(zip(LINES[::3], LINES[1::3], LINES[2::3], strict=True))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, and run in this process what would have one of its own."""
    in_process(monkeypatch, "isolated", "third_party")
    for plot in ("plot_loss", "plot_confusion"):
        monkeypatch.setattr(f"cnnkit.plots.{plot}", lambda *_: None)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """Own data, a run and a sweep on it, their exports, and what people give by mistake."""
    folder = tmp_path_factory.mktemp("remedies")
    images, labels = mnist.train.images[:150, 0], mnist.train.labels[:150].astype(np.uint8)
    for name, some in (("data", images), ("other", images[::-1]), ("small", images[:, ::2, ::2])):
        for file, array in zip(
            FILES, (some[:100], labels[:100], some[100:], labels[100:]), strict=True
        ):
            write_idx(folder / name / file, np.ascontiguousarray(array))
    Image.fromarray(images[0]).save(folder / "digit.png")
    (folder / "notes").mkdir()
    (folder / "out").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    for name, classes in (("foreign", 10), ("few", 3)):
        tensors = {
            "w": np.ones((2, 1, 3, 3), np.float32),
            "m": np.ones((2 * 13 * 13, classes), np.float32),
        }
        nodes = [
            node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["r"]),
            node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "m"], ["y"]),
        ]  # fmt: skip
        shape = {"x": (onnx.TensorProto.UINT8, ["N", 1, 28, 28])}
        nodes[0].input[0] = "s"
        nodes.insert(0, node("Cast", ["x"], ["s"], to=onnx.TensorProto.FLOAT))
        save(folder / f"{name}.onnx", nodes, shape, ["y"], tensors)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        config = TrainConfig(data=Path("data"), epochs=1, output=Path("run"))
        train(config, pictures=False)
        with pytest.raises(TrainingInterruptedError):
            train(
                replace(config, epochs=3, output=Path("a stopped run")),
                on_progress=lambda _: os.kill(os.getpid(), signal.SIGINT),
                pictures=False,
            )
        sweep(
            SweepConfig(
                {}, name="s", base=replace(config, output=None, val_split=0.1, learning_rate=1e-3)
            )
        )
        trained = read_weights(Path("run/weights.safetensors"))
        write_weights(Path("alone.safetensors"), trained)
        options = Options(load_dataset(folder=Path("data")), stem="edited")
        for suffix, content in write_c(trained, options).items():
            Path(f"edited{suffix}").write_bytes(content.replace(b"0.1", b"0.2"))
    return folder


def words(command: str) -> list[str]:
    first, *rest = shlex.split(command)
    return [*shlex.split(SHORT.get(first, first)), *rest]


@pytest.mark.parametrize(("wrong", "remedy", "right"), REMEDIES, ids=[row[0] for row in REMEDIES])
def test_the_remedy_of_a_refused_command_works(
    wrong: str, remedy: str, right: str, scene: Path, tmp_path: Path, cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(shutil.copytree(scene, tmp_path / "here"))
    *before, refused = wrong.split(" && ")
    for command in before:
        assert cli(*words(command)).exit_code in (0, 1)
    result = cli(*words(refused))
    assert result.exit_code in (1, 2, 3), result.stderr
    printed = re.sub(r"\s+", " ", result.stderr)
    assert remedy.lower() in printed.lower()
    if right == "=":
        [right] = re.findall(r"`cnnkit ([^`]+)`", printed)
    done = cli(*words(right))
    assert done.exit_code == 0, done.stderr
