"""The preprocessing record says what is true of the images, and of MNIST what it always said."""

from __future__ import annotations

import pytest

from cnnkit.graph.preprocessing import Preprocessing


@pytest.mark.parametrize(("scaled_inside", "largest"), [(True, 255), (False, 1)])
def test_mnists_recipe_is_written_as_before(scaled_inside: bool, largest: int) -> None:
    record = Preprocessing.of((1, 28, 28), "mnist")
    assert record.to_json(scaled_inside) == {
        "colours": "white digit on black",
        "layout": "NCHW",
        "range": [0, largest],
        "scale": 1 / 255,
        "scaled_inside": scaled_inside,
    }


@pytest.mark.parametrize(
    ("channels", "colour", "words"),
    [
        (1, "gray", "gray, as in the data set"),
        (2, "channels", "channels as in the data set"),
        (3, "rgb", "red, green and blue, as in the data set"),
    ],
)
def test_without_a_recipe_the_whole_record_is_written(
    channels: int, colour: str, words: str
) -> None:
    values = Preprocessing.of((channels, 9, 7)).to_json(scaled_inside=True)
    assert (values["colour"], values["colours"]) == (colour, words)
    assert values["size"] == (channels, 9, 7)
    assert (values["mean"], values["std"]) == ((0.0,) * channels, (1.0,) * channels)
    assert values["resize"] == {"mode": "none", "filter": None, "antialias": False, "fill": 0}
    assert (values["layout"], values["orientation"]) == ("NCHW", "stored")
