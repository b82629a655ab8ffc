"""The order of the training images depends on seed and epoch only."""

from __future__ import annotations

import numpy as np
import pytest

from cnnkit.data.sampling import epoch_order, split_validation
from cnnkit.errors import InputError
from cnnkit.graph.architecture import Architecture

INDICES = np.arange(100)


def test_every_epoch_takes_every_image_once_in_an_order_of_its_own() -> None:
    orders = [epoch_order(INDICES, seed=0, epoch=epoch) for epoch in range(1, 6)]
    for order in orders:
        assert np.array_equal(np.sort(order), INDICES)
    assert len({order.tobytes() for order in orders}) == 5


def test_the_order_depends_on_nothing_but_seed_and_epoch() -> None:
    first = epoch_order(INDICES, 7, 3)
    np.random.default_rng(0).permutation(INDICES)
    assert np.array_equal(epoch_order(INDICES, 7, 3), first)
    assert not np.array_equal(epoch_order(INDICES, 8, 3), first)


def test_parameters_orders_and_split_come_from_streams_of_their_own() -> None:
    draws = [np.random.default_rng(words).random(4) for words in ([5, 0], [5, 1], [5, 0, 1])]
    assert len({draw.tobytes() for draw in draws}) == 3
    bound = 1 / 3  # of the first convolution: 1/sqrt(1 * 3 * 3)
    first = np.random.default_rng([5, 0]).uniform(-bound, bound, (16, 1, 3, 3))
    weight = Architecture().initial_parameters(5)["convs.0.weight"]
    assert np.array_equal(weight, first.astype(np.float32))


def test_the_validation_split_takes_the_same_share_of_every_class() -> None:
    labels = np.repeat(np.arange(10), np.arange(100, 200, 10))
    chosen, held = split_validation(labels, 0.1, seed=0)
    assert np.array_equal(np.sort(np.concatenate([chosen, held])), np.arange(len(labels)))
    assert np.bincount(labels[held]).tolist() == list(range(10, 20))
    assert np.array_equal(split_validation(labels, 0.1, seed=0)[1], held)
    assert not np.array_equal(split_validation(labels, 0.1, seed=1)[1], held)


def test_no_share_holds_nothing_back() -> None:
    chosen, held = split_validation(np.zeros(5, np.int64), 0.0, seed=0)
    assert chosen.tolist() == [0, 1, 2, 3, 4]
    assert not len(held)


@pytest.mark.parametrize(("share", "side"), [(0.01, "validation"), (0.99, "training")])
def test_a_share_that_empties_a_side_is_refused(share: float, side: str) -> None:
    with pytest.raises(InputError, match=f"no {side} image"):
        split_validation(np.arange(10), share, seed=0)
