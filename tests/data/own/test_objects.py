"""Data sets as Python objects: pictures with labels become a data set, whatever their form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.data import PictureOptions, dataset_of
from cnnkit.errors import InputError


class Pairs(list[Any]):
    """An object with a length and items, as data sets of PyTorch are."""

    classes = ("circle", "square")


def pixels(number: int, *shape: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def test_arrays_become_the_same_pixels_with_names_and_a_test_split() -> None:
    pairs = Pairs([(pixels(i, 8, 6), i % 2) for i in range(10)])
    data = dataset_of(pairs)
    assert data.names == ("circle", "square")
    assert (data.train.images.shape, data.test.images.shape) == ((8, 1, 8, 6), (2, 1, 8, 6))
    assert sorted(data.test.labels) == [0, 1]
    stored = {array.tobytes() for array, _ in pairs}
    both = np.concatenate([data.train.images, data.test.images])
    assert {image.tobytes() for image in both} == stored


def test_pil_images_tensors_and_both_orders_of_axes_are_the_same_picture() -> None:
    torch = pytest.importorskip("torch")
    array = pixels(1, 5, 7, 3)
    first = array.transpose(2, 0, 1)
    forms = [Image.fromarray(array), array, first, torch.from_numpy(first.copy())]
    options = PictureOptions(val_split=0)
    found = [
        dataset_of(Pairs([(form, 0), (pixels(2, 5, 7, 3), 1)]), Pairs([(pixels(3, 5, 7, 3), 0),
            (pixels(4, 5, 7, 3), 1)]), options=options).train.images[0]
        for form in forms
    ]  # fmt: skip
    assert all(np.array_equal(image, first) for image in found)


def test_pictures_of_many_sizes_get_one_and_a_given_test_set_is_kept() -> None:
    train = Pairs([(Image.new("RGB", (20 + i, 30), (i, 0, 0)), i % 2) for i in range(6)])
    test = Pairs([(Image.new("RGB", (9, 9), (0, 200 + i, 0)), i) for i in range(2)])
    data = dataset_of(train, test, options=PictureOptions(size=(16, 16), fit="stretch"))
    assert (len(data.train.images), len(data.test.images)) == (6, 2)
    assert data.preprocessing is not None
    assert data.preprocessing.size == (3, 16, 16)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ((np.zeros((4, 4), np.float32), 0), "float32"),
        ((np.zeros((4, 4), np.uint8), -1), "label -1"),
        ((np.zeros((4, 4), np.uint8), 0.5), "label 0.5"),
        ((np.zeros((4, 4, 2), np.uint8), 0), "4, 4, 2"),
        (np.zeros((4, 4), np.uint8), "not a picture with a label"),
        ((np.zeros((4, 4), np.uint8), 7), "labels go up to 7"),
    ],
)
def test_another_item_is_refused_by_its_place(item: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        dataset_of(Pairs([(np.zeros((4, 4), np.uint8), 1), item]))


def test_the_same_picture_never_stands_on_both_sides() -> None:
    pairs = Pairs([(pixels(i // 2, 4, 4), i // 2 % 2) for i in range(40)])
    for seed in range(5):
        data = dataset_of(pairs, options=PictureOptions(seed=seed, val_split=0.3))
        assert data.validation is not None
        sides = [data.train, data.validation, data.test]
        contents = [{image.tobytes() for image in side.images} for side in sides]
        assert sum(map(len, contents)) == len(set.union(*contents)) == 20
