"""What results show of themselves in a REPL and in Jupyter."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

import cnnkit
from cnnkit.data.dataset import Dataset, Split
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.formats.base import Check
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.weights import Weights
from cnnkit.metrics import ClassScore
from cnnkit.nn.fusion.report import Candidate
from cnnkit.nn.fusion.report import Report as FusionReport
from cnnkit.runtimes.classifier import Classifier
from cnnkit.runtimes.loader import load
from cnnkit.system.display import inline_svg, page
from cnnkit.train.config import TrainConfig
from cnnkit.train.trainer import TrainResult
from cnnkit.verify.report import Report

FILE = Path(__file__).parents[2] / "export" / "reference" / "mnist.onnx"
HOSTILE = "<script>alert('a&b')</script>"
LONGEST = 160  # characters of a line


class Reader(HTMLParser):
    """The cells of a page, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


def dataset(names: tuple[str, ...]) -> Dataset:
    split = Split(np.zeros((5, 1, 28, 28), np.uint8), np.zeros(5, np.int64))
    return Dataset("signs", split, split, names, {f"{i}.png": "0" * 64 for i in range(99)}, "here")


def report(claim: str) -> Report:
    checks = (Check(claim, False, "no"), Check("it loads", True, "yes"))
    return Report(
        Path("net.onnx"), "onnx", "onnxruntime 1", "float64", "outputs", (1,), "test images", None,
        checks, (), {},
    )  # fmt: skip


def trained(folder: Path) -> TrainResult:
    record = {"epoch": 1, "train_loss": 0.25, "validation_loss": None, "test_accuracy": 0.975}
    scores = tuple(ClassScore(str(k), 0.5, 0.5, 0.5, 5) for k in range(10))
    return TrainResult(folder, TrainConfig(), [record] * 40, 40, 0.975, per_class=scores)


def everything(tmp_path: Path) -> dict[str, Any]:
    model = cnnkit.load(FILE)
    images = np.zeros((2000, 28, 28), np.uint8)
    data = dataset(tuple("0123456789"))
    return {
        "Classifier": model,
        "Weights": model.weights,
        "Graph": model.weights.graph,
        "Prediction": model(images),
        "Dataset": data,
        "Split": data.test,
        "Evaluation": evaluate(model, data.test),
        "verification": report("it is right"),
        "TrainResult": trained(tmp_path),
        "FusionReport": FusionReport((Candidate("a", "Conv2d", True),) * 50, ()),
    }


def test_every_result_is_one_short_line(tmp_path: Path) -> None:
    for name, value in everything(tmp_path).items():
        line = repr(value)
        assert len(line) < LONGEST, f"{name}: {line[:300]}"
        assert "\n" not in line
        assert line.startswith(type(value).__name__ + "(")


def test_a_line_says_what_a_person_asks_first(tmp_path: Path) -> None:
    shown = {name: repr(value) for name, value in everything(tmp_path).items()}
    network = "1x28x28 -> 10 classes, 2,710 parameters"
    assert shown["Classifier"] == f"Classifier({str(FILE)!r}, {network})"
    assert shown["Prediction"].startswith("Prediction(2000 x 10 logits, label=[")
    assert shown["Dataset"] == "Dataset('signs', 1x28x28, 10 classes, train: 5, test: 5)"
    assert "NOT verified" in shown["verification"]
    assert "97.50%" in shown["TrainResult"]
    assert "50 of 50" in shown["FusionReport"]


def test_a_network_that_is_no_classifier_still_shows_itself() -> None:
    whole = cnnkit.load(FILE).weights
    inner = whole.graph.nodes[3].outputs[0]
    graph = replace(whole.graph, nodes=whole.graph.nodes[:4], outputs=(inner,))
    assert inner in repr(Weights(graph))


def test_a_runtimes_model_shows_itself_the_same_way() -> None:
    model = load(FILE)
    assert "2,710 parameters" in repr(model)
    assert "onnxruntime" in repr(model)
    assert "97.69%" in Reader(model._repr_html_()).cells


def test_jupyter_gets_small_tables_of_what_is_known(tmp_path: Path) -> None:
    values = everything(tmp_path)
    for name in values.keys() - {"Weights", "Graph", "Split"}:
        read = Reader(values[name]._repr_html_())
        assert "table" in read.tags, name
        assert len(read.cells) < 200, name
    cells = Reader(values["Classifier"]._repr_html_()).cells
    assert {"mnist", "97.69%", "cnnkit"} <= set(cells)
    assert "and 1,990 more" in Reader(values["Prediction"]._repr_html_()).cells
    assert "0.2500" in Reader(values["TrainResult"]._repr_html_()).cells


def test_names_of_others_are_texts_and_no_markup() -> None:
    for shown in (page(HOSTILE, (HOSTILE,), [(HOSTILE,)]), report(HOSTILE)._repr_html_()):
        read = Reader(shown)
        assert HOSTILE in read.cells
        assert "script" not in read.tags


def test_the_loss_curve_stands_below_the_table_of_a_run(tmp_path: Path) -> None:
    assert inline_svg(tmp_path / "absent.svg") == ""
    (tmp_path / "loss.svg").write_text("<svg/>")
    assert "data:image/svg+xml;base64,PHN2Zy8+" in trained(tmp_path)._repr_html_()


def test_a_classifier_with_many_classes_stays_short() -> None:
    shapes = Architecture(classes=1000)
    weights = Weights.of(shapes, shapes.initial_parameters(0))
    shown = Classifier(Path("a"), weights)._repr_html_()
    assert len(shown) < 600
    assert "1000 classes" in shown
